import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { LOGIN_CLIENT } from '../common/login-client.js';
import { Problem } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { SessionsService, type StartedSession } from '../sessions/sessions.service.js';
import { warningsField, type MintedToken } from '../tokens/minted-token.js';
import { SingleUseTokens } from '../tokens/single-use-tokens.js';
import { TokenMinter } from '../tokens/token-minter.js';
import type { FactorRequiredDto, TokenPairDto } from './auth.dto.js';
import { ChangeTokens } from './change-token.js';
import { methodsOf, nextStep, type LoginStep, type Standing } from './mfa/login-step.js';
import { SecondFactors } from './mfa/second-factors.service.js';
import { PasswordCheck, invalidCredentials, type Caller } from './password-check.js';
import type { TokenMode } from './session-cookie.js';
import { orUserGone } from './user-gone.js';

/** What somebody has proven so far on the way to a session. */
export interface LoginProof {
  userId: string;
  /** Read together with what was proven first: whatever changes the credentials or ends sessions from there on ends this login too. */
  sessionEpoch: string;
  asOf: string;
  /** The methods (RFC 8176). */
  amr: string[];
  /** When they were asked for, seconds since 1970, where that was not in this login. */
  authTime?: number;
  /** Whom the tokens of the session are to be for. */
  audience: string[];
  /** How the tokens are to be handed over, where a step has said so. */
  mode?: TokenMode;
}

/** How a step of a login is taken. */
export interface StepTaken {
  proof: LoginProof;
  caller: Caller;
  /** Uses up what was proven, in the transaction that the next step is granted in; gives the proof to go on with. */
  redeem?: (manager: EntityManager) => Promise<LoginProof>;
  /** What the audit trail calls it when it ends in a session; null: it says so itself. */
  action: string | null;
  /** The password is changed with this very step. */
  changesPassword?: boolean;
}

/** Seconds. */
export const FACTOR_QUESTION = { purpose: 'login-factor', ttlSeconds: 5 * 60 };
export const ENROLMENT = { purpose: 'factor-enrolment', ttlSeconds: 10 * 60 };

/** The way from a proof to tokens, whatever was proven. Which step comes next is decided in `mfa/login-step.ts`. */
@Injectable()
export class LoginSteps {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly factors: SecondFactors,
    private readonly singleUse: SingleUseTokens,
    private readonly changeTokens: ChangeTokens,
    private readonly sessions: SessionsService,
    private readonly minter: TokenMinter,
    private readonly passwords: PasswordCheck,
    private readonly audit: AuditService,
  ) {}

  /** What somebody would get for this proof; null when the user is gone. */
  async ahead(proof: Pick<LoginProof, 'userId' | 'amr'>): Promise<LoginStep | null> {
    const standing = await this.factors.standingOf(proof.userId);
    return standing && nextStep(standing, proof.amr, this.env.mfaRequiredRoles);
  }

  /**
   * Gives what there is for the proof: tokens, or the question for a second factor.
   *
   * @throws Problem 401 when the credentials have changed since, 403 `password_change_required` or `factor_enrolment_required`
   */
  async take(taken: StepTaken): Promise<TokenPairDto | FactorRequiredDto> {
    const { proof, redeem = () => Promise.resolve(proof), changesPassword = false } = taken;
    const standing = await this.factors.standingOf(proof.userId);
    if (!standing) throw invalidCredentials();
    const present = changesPassword ? { ...standing, mustChangePassword: false } : standing;
    const step = nextStep(present, proof.amr, this.env.mfaRequiredRoles);
    switch (step) {
      case 'session':
        return this.startSession(taken, redeem);
      case 'prove_factor':
        return this.askForFactor(redeem, standing);
      case 'change_password':
        throw await this.changeRequired(redeem);
      case 'enrol':
        throw await this.enrolmentRequired(redeem);
    }
  }

  /**
   * Starts a session in a transaction. Its tokens are minted once that is committed: `pairOf`. Every way of logging in comes by here, also those that began
   * before anybody asked for another password, or that take no password.
   *
   * @throws Problem 401 when the password must be changed first
   */
  async openSession(
    manager: EntityManager,
    proof: LoginProof,
    { actor, userAgent }: Caller,
    action: string | null,
  ): Promise<StartedSession> {
    const { userId, sessionEpoch, asOf, amr, authTime = null, audience } = proof;
    const { address } = actor;
    const started = await this.sessions.start(manager, {
      ...{ userId, sessionEpoch, asOf, amr, authTime, audience, userAgent, address },
      clientId: LOGIN_CLIENT,
    });
    // What is asked for from here on moves the epoch on, and the session is never live.
    if ((await this.factors.lockedStandingOf(manager, userId))?.mustChangePassword) throw invalidCredentials();
    if (action !== null) {
      await this.audit.record(manager, {
        action,
        actor: { ...actor, type: 'user', id: userId, sessionId: started.sessionId },
        target: { type: 'user', id: userId },
        details: { amr },
      });
    }
    return started;
  }

  /** The first tokens of a session; null when it is not live: the account was disabled, or its credentials changed, meanwhile. */
  async pairOf({ sessionId, refreshToken }: StartedSession): Promise<TokenPairDto | null> {
    const minted = await this.minter.mint(sessionId);
    return minted && tokenPair(minted, refreshToken);
  }

  private async startSession(
    { caller, action }: StepTaken,
    redeem: (manager: EntityManager) => Promise<LoginProof>,
  ): Promise<TokenPairDto> {
    const starting = inTransaction(this.dataSource, async (manager) =>
      this.openSession(manager, await redeem(manager), caller, action),
    );
    const pair = await this.pairOf(await starting.catch(orUserGone));
    if (!pair) throw invalidCredentials();
    if (action !== null) this.passwords.count('success');
    return pair;
  }

  private async askForFactor(
    redeem: (manager: EntityManager) => Promise<LoginProof>,
    standing: Standing,
  ): Promise<FactorRequiredDto> {
    const token = await inTransaction(this.dataSource, async (manager) =>
      this.issue(manager, await redeem(manager), FACTOR_QUESTION),
    ).catch(orUserGone);
    this.passwords.count('factor_required');
    return {
      mfa_required: true,
      mfa_token: token,
      expires_in: FACTOR_QUESTION.ttlSeconds,
      methods: methodsOf(standing),
    };
  }

  private async enrolmentRequired(redeem: (manager: EntityManager) => Promise<LoginProof>): Promise<Problem> {
    const enrolmentToken = await inTransaction(this.dataSource, async (manager) =>
      this.issue(manager, await this.dated(manager, redeem), ENROLMENT),
    ).catch(orUserGone);
    this.passwords.count('enrolment_required');
    return new Problem(403, 'factor_enrolment_required', 'A second factor must be set up before you can log in.', {
      enrolmentToken,
    });
  }

  private async changeRequired(redeem: (manager: EntityManager) => Promise<LoginProof>): Promise<Problem> {
    const {
      userId,
      sessionEpoch,
      amr,
      authTime = null,
      mode = null,
    } = await inTransaction(this.dataSource, (manager) => this.dated(manager, redeem));
    this.passwords.count('change_required');
    return new Problem(
      403,
      'password_change_required',
      'The password must be changed before it can be used to log in.',
      { changeToken: this.changeTokens.issue({ userId, sessionEpoch, amr, authTime, mode }) },
    );
  }

  /** The proof with its time. What is asked for next, a new password or a factor that is set up, authenticates nobody, however long it takes. */
  private async dated(
    manager: EntityManager,
    redeem: (manager: EntityManager) => Promise<LoginProof>,
  ): Promise<LoginProof> {
    const proof = await redeem(manager);
    const [row] = await manager.query<{ now: number }[]>('SELECT extract(epoch FROM clock_timestamp())::float8 AS now');
    return row ? { authTime: row.now, ...proof } : proof;
  }

  private issue(
    manager: EntityManager,
    { userId, sessionEpoch, ...details }: LoginProof,
    { purpose, ttlSeconds }: { purpose: string; ttlSeconds: number },
  ): Promise<string> {
    return this.singleUse.issue(manager, { purpose, userId, sessionEpoch, details, ttlSeconds });
  }
}

export function tokenPair(minted: MintedToken, refreshToken: string): TokenPairDto {
  return {
    access_token: minted.accessToken,
    token_type: 'Bearer',
    expires_in: minted.expiresIn,
    refresh_token: refreshToken,
    scope: minted.scope,
    ...warningsField(minted.warnings),
  };
}
