import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Principal } from '@portcullis/verifier';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import { signedInUserOf, type Actor } from '../../common/principal.js';
import { conflict, invalidToken, notFound, type Problem } from '../../common/problem.js';
import { inTransaction } from '../../database/transaction.js';
import { SessionsService, type StartedSession } from '../../sessions/sessions.service.js';
import { SingleUseTokens } from '../../tokens/single-use-tokens.js';
import type { Notice } from '../../mail/notice-templates.js';
import { SecurityNotices } from '../../users/security-notices.js';
import type { TokenPairDto } from '../auth.dto.js';
import { agreedMode } from '../agreed-mode.js';
import { ENROLMENT, LoginSteps, type LoginProof } from '../login-steps.service.js';
import { invalidCredentials, type Caller } from '../password-check.js';
import type { TokenMode } from '../session-cookie.js';
import { orUserGone } from '../user-gone.js';
import { isEnrolled, mustKeepLastFactor } from './login-step.js';
import type { EnrolledDto, FactorsDto, RecoveryCodesDto } from './mfa.dto.js';
import { SecondFactors, type FactorKind } from './second-factors.service.js';

/** By what right somebody changes their factors: a session that has just begun, or a login that asks for a factor. */
export type EnrolmentRight = { principal: Principal } | { enrolmentToken: string };

/** Who sets a factor up, and the token to finish the setup with. */
export interface SetupStarted {
  userId: string;
  setupToken: string;
}

/** A setup that is being finished. */
export interface SetupFinish {
  purpose: string;
  setupToken: string;
  /** Of the token that was sent along, if any: a setup begun in a session is finished in it. */
  principal: Principal | undefined;
  caller: Caller;
}

/** A factor that was just added, and what adding it has proven. */
export interface AddedFactor {
  factorId: string;
  kind: FactorKind;
  methods: readonly string[];
}

/** What a setup token stands for, besides what the kind of factor adds to it. */
interface Setup extends Omit<LoginProof, 'userId' | 'sessionEpoch'> {
  /** The session that it was begun in, and which must still be there; null: it was begun by a login that asks for a factor. */
  sessionId: string | null;
}

/** How a change is written down, and how its owner hears of it. */
interface FactorChange {
  action: string;
  notice: Notice;
  details: Record<string, unknown>;
}

/** Seconds. */
export const SETUP_SECONDS = 10 * 60;
const MOST_FACTORS = 10;

/** What users do to their own factors. Each change ends their sessions and tokens, as a new password does, and begins a new session. */
@Injectable()
export class Enrolment {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly factors: SecondFactors,
    private readonly sessions: SessionsService,
    private readonly tokens: SingleUseTokens,
    private readonly steps: LoginSteps,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  async list(principal: Principal): Promise<FactorsDto> {
    const userId = signedInUserOf(principal);
    const standing = await this.factors.standingOf(userId);
    return { items: await this.factors.listOf(userId), recoveryCodesLeft: standing?.recoveryCodes ?? 0 };
  }

  /** @param more what whoever finishes the setup is to know @throws Problem 401, 403, 429 */
  async start(right: EnrolmentRight, purpose: string, more: Record<string, unknown>): Promise<SetupStarted> {
    const { userId, sessionEpoch, ...rest } = await this.proofOf(right);
    const sessionId = 'principal' in right ? right.principal.sessionId : null;
    const details = { ...more, ...rest, sessionId };
    const setupToken = await inTransaction(this.dataSource, (manager) =>
      this.tokens.issue(manager, { purpose, userId, sessionEpoch, details, ttlSeconds: SETUP_SECONDS }),
    ).catch(orUserGone);
    return { userId, setupToken };
  }

  /** What a setup was begun with holds for its end: `agreedMode`. @param mode what whoever finishes it says @throws Problem 400 */
  async modeOf(purpose: string, setupToken: string, mode: TokenMode | undefined): Promise<TokenMode | undefined> {
    const asked = await this.tokens.read(this.dataSource.manager, purpose, setupToken);
    return agreedMode((asked?.details as Partial<Setup> | undefined)?.mode, mode);
  }

  /**
   * Adds the factor, or nothing: what `add` throws leaves the setup token as good as before.
   *
   * @throws Problem 401, 409 `too_many_factors`, 429
   */
  async finish(
    { purpose, setupToken, principal, caller }: SetupFinish,
    add: (manager: EntityManager, userId: string, details: Record<string, unknown>) => Promise<AddedFactor>,
  ): Promise<EnrolledDto> {
    const { started, ...enrolled } = await inTransaction(this.dataSource, async (manager) => {
      const redeemed = await this.tokens.consume(manager, purpose, setupToken);
      if (!redeemed) throw spentToken();
      const { userId, sessionEpoch, details } = redeemed;
      const { sessionId, asOf, audience, authTime, amr } = details as unknown as Setup;
      if (sessionId !== null && sessionId !== principal?.sessionId) throw spentToken();
      if (!(await this.factors.holdCredentials(manager, redeemed, 'NO KEY UPDATE'))) throw spentToken();
      if (sessionId !== null && !(await this.sessions.holdLive(manager, sessionId))) throw spentToken();
      const standing = await this.factors.lockedStandingOf(manager, userId);
      if (standing && standing.totp + standing.passkeys >= MOST_FACTORS) {
        throw conflict('too_many_factors', `Nobody needs more than ${MOST_FACTORS.toString()}. Remove one first.`);
      }
      const { factorId, kind, methods } = await add(manager, userId, details);
      // Codes that outlived a factor taken away in SQL are of nobody knows when.
      const fresh = !standing || !isEnrolled(standing) || standing.recoveryCodes === 0;
      const recoveryCodes = fresh ? await this.factors.renewRecoveryCodes(manager, userId) : undefined;
      const proof = { userId, sessionEpoch, asOf, audience, amr: [...new Set([...amr, ...methods])] };
      const started = await this.begin(manager, { ...proof, ...(authTime !== undefined && { authTime }) }, caller, {
        action: 'factor.added',
        notice: kind === 'totp' ? 'app-added' : 'passkey-added',
        details: { factorId, kind },
      });
      return { started, factorId, ...(recoveryCodes && { recoveryCodes }) };
    });
    return Object.assign(await this.tokensOf(started), enrolled);
  }

  /** @throws Problem 401, 403, 404, 409 `factor_required` */
  async remove(principal: Principal, factorId: string, caller: Caller): Promise<TokenPairDto> {
    return this.change(principal, caller, async (manager, { userId }) => {
      const standing = await this.factors.lockedStandingOf(manager, userId);
      if (!(await this.factors.remove(manager, userId, factorId))) throw notFound('factor');
      if (standing && mustKeepLastFactor(standing, this.env.mfaRequiredRoles)) {
        throw conflict('factor_required', 'A role of yours needs a second factor: add another before this one goes.');
      }
      return { given: {}, action: 'factor.removed', notice: 'factor-removed', details: { factorId } };
    });
  }

  /** @throws Problem 401, 403, 409 `no_factor` */
  async renewRecoveryCodes(principal: Principal, caller: Caller): Promise<RecoveryCodesDto> {
    return this.change(principal, caller, async (manager, { userId }) => {
      const standing = await this.factors.lockedStandingOf(manager, userId);
      if (!standing || !isEnrolled(standing)) {
        throw conflict('no_factor', 'There is no factor that recovery codes could replace.');
      }
      const recoveryCodes = await this.factors.renewRecoveryCodes(manager, userId);
      return {
        given: { recoveryCodes },
        action: 'recovery_codes.renewed',
        notice: 'recovery-codes-renewed',
        details: {},
      };
    });
  }

  private async change<T extends object>(
    principal: Principal,
    caller: Caller,
    work: (manager: EntityManager, proof: LoginProof) => Promise<{ given: T } & FactorChange>,
  ): Promise<TokenPairDto & T> {
    const proof = await this.proofOf({ principal });
    const { started, given } = await inTransaction(this.dataSource, async (manager) => {
      if (!(await this.factors.holdCredentials(manager, proof, 'NO KEY UPDATE'))) throw invalidCredentials();
      if (!(await this.sessions.holdLive(manager, principal.sessionId ?? ''))) throw invalidCredentials();
      const { given, ...entry } = await work(manager, proof);
      return { given, started: await this.begin(manager, proof, caller, entry) };
    });
    return Object.assign(await this.tokensOf(started), given);
  }

  /** The session under the credentials as they are now. */
  private async begin(
    manager: EntityManager,
    proof: LoginProof,
    caller: Caller,
    { notice, ...entry }: FactorChange,
  ): Promise<StartedSession> {
    const { userId } = proof;
    const sessionEpoch = await this.factors.epochOf(manager, userId);
    const started = await this.steps.openSession(manager, { ...proof, sessionEpoch }, caller, null);
    const actor: Actor = { ...caller.actor, type: 'user', id: userId };
    await this.audit.record(manager, { ...entry, actor, target: { type: 'user', id: userId } });
    await this.notices.tell(manager, { notice, userId, actor });
    return started;
  }

  private async tokensOf(started: StartedSession): Promise<TokenPairDto> {
    const pair = await this.steps.pairOf(started);
    if (!pair) throw invalidCredentials();
    return pair;
  }

  /** What is known of whoever asks, bound to the credentials under which it was proven. */
  private async proofOf(right: EnrolmentRight): Promise<LoginProof> {
    if ('enrolmentToken' in right) {
      const asked = await this.tokens.read(this.dataSource.manager, ENROLMENT.purpose, right.enrolmentToken);
      if (!asked) throw invalidToken('The enrolment token is not valid, or not any more. Log in again.');
      const { userId, sessionEpoch, details } = asked;
      return {
        ...(details as Pick<LoginProof, 'asOf' | 'amr' | 'authTime' | 'audience' | 'mode'>),
        userId,
        sessionEpoch,
      };
    }
    const { principal } = right;
    const userId = signedInUserOf(principal);
    // That of the session, not the user's own: what was changed since the token was accepted was changed by somebody else, perhaps because of it.
    const sessionEpoch = await this.sessions.epochOfLive(principal.sessionId ?? '');
    if (sessionEpoch === null) throw invalidCredentials();
    const { amr, authTime, audience, asOf } = principal;
    return {
      ...{ userId, sessionEpoch, asOf: asOf.toString(), amr: [...amr], audience: [...audience] },
      ...(authTime !== null && { authTime }),
    };
  }
}

const spentToken = (): Problem => invalidToken('The setup token is not valid, or not any more. Start again.');
