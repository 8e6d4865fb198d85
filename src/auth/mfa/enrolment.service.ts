import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Principal } from '@portcullis/verifier';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import { Clock } from '../../common/clock.js';
import { MasterKey } from '../../common/master-key.js';
import { signedInUserOf, type Actor } from '../../common/principal.js';
import { conflict, invalidFields, invalidToken, notFound, type Problem } from '../../common/problem.js';
import { unwrapTotpSecret, wrapTotpSecret } from '../../common/totp-secret.js';
import { inTransaction } from '../../database/transaction.js';
import { SingleUseTokens } from '../../tokens/single-use-tokens.js';
import { UsersService } from '../../users/users.service.js';
import type { TokenPairDto } from '../auth.dto.js';
import { ENROLMENT, LoginSteps, type LoginProof } from '../login-steps.service.js';
import { invalidCredentials, type Caller } from '../password-check.js';
import { mustKeepLastFactor, withOneTimePassword } from './login-step.js';
import type { ConfirmTotpDto, EnrolledDto, FactorsDto, RecoveryCodesDto, TotpSetupDto } from './mfa.dto.js';
import { SecondFactors } from './second-factors.service.js';
import { newTotpSecret, totpStepOf, totpUri } from './totp.js';

/** By what right somebody changes their factors: a session that has just begun, or a login that asks for a factor. */
export type EnrolmentRight = { principal: Principal } | { enrolmentToken: string };

/** What a setup token stands for. */
interface Setup extends Omit<LoginProof, 'userId' | 'sessionEpoch'> {
  /** The session that it was begun in, and which must still be there; null: it was begun by a login that asks for a factor. */
  sessionId: string | null;
  factorId: string;
  /** Wrapped for that factor, base64. */
  secret: string;
}

/** Seconds. */
const SETUP = { purpose: 'totp-setup', ttlSeconds: 10 * 60 };
const MOST_FACTORS = 10;

/** What users do to their own factors. Each change ends their sessions and tokens, as a new password does, and begins a new session. */
@Injectable()
export class Enrolment {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly factors: SecondFactors,
    private readonly users: UsersService,
    private readonly tokens: SingleUseTokens,
    private readonly steps: LoginSteps,
    private readonly masterKey: MasterKey,
    private readonly clock: Clock,
    private readonly audit: AuditService,
  ) {}

  async list(principal: Principal): Promise<FactorsDto> {
    const userId = signedInUserOf(principal);
    const standing = await this.factors.standingOf(userId);
    return { items: await this.factors.listOf(userId), recoveryCodesLeft: standing?.recoveryCodes ?? 0 };
  }

  /** A new secret, which becomes a factor once a code has shown that the app has it. @throws Problem 401, 403, 429 */
  async startTotp(right: EnrolmentRight): Promise<TotpSetupDto> {
    const proof = await this.proofOf(right);
    const { username } = await this.users.profile(proof.userId);
    const { userId, sessionEpoch, ...rest } = proof;
    const secret = newTotpSecret();
    const factorId = uuidv7();
    const details = {
      ...rest,
      sessionId: 'principal' in right ? right.principal.sessionId : null,
      factorId,
      secret: wrapTotpSecret(this.masterKey, factorId, Buffer.from(secret)).toString('base64'),
    };
    const setupToken = await inTransaction(this.dataSource, (manager) =>
      this.tokens.issue(manager, { ...SETUP, userId, sessionEpoch, details }),
    );
    return { setupToken, secret, uri: totpUri(secret, username, this.env.issuer), expiresIn: SETUP.ttlSeconds };
  }

  /**
   * Makes the secret a factor. A wrong code uses nothing up.
   *
   * @param principal of the token that was sent along, if any: a setup begun in a session is finished in it
   * @throws Problem 400 for a wrong code, 401, 409 `too_many_factors`, 429
   */
  async confirmTotp(dto: ConfirmTotpDto, principal: Principal | undefined, caller: Caller): Promise<EnrolledDto> {
    const { code, setupToken, name = 'authenticator app' } = dto;
    const { started, ...enrolled } = await inTransaction(this.dataSource, async (manager) => {
      const redeemed = await this.tokens.consume(manager, SETUP.purpose, setupToken);
      if (!redeemed) throw spentToken();
      const { userId, sessionEpoch } = redeemed;
      const setup = redeemed.details as unknown as Setup;
      if (setup.sessionId !== null && setup.sessionId !== principal?.sessionId) throw spentToken();
      if (!(await this.factors.holdCredentials(manager, redeemed, 'NO KEY UPDATE'))) throw spentToken();
      const { factorId, secret, step } = this.confirmed(setup, code);
      const standing = await this.factors.lockedStandingOf(manager, userId);
      if (standing && standing.totp >= MOST_FACTORS) {
        throw conflict('too_many_factors', `Nobody needs more than ${MOST_FACTORS.toString()}. Remove one first.`);
      }
      await this.factors.addTotp(manager, { id: factorId, userId, name, secret, step });
      const recoveryCodes =
        standing?.recoveryCodes === 0 ? await this.factors.renewRecoveryCodes(manager, userId) : undefined;
      const { asOf, audience, authTime, amr } = setup;
      const proof = { userId, sessionEpoch, asOf, audience, amr: withOneTimePassword(amr) };
      const started = await this.begin(manager, { ...proof, ...(authTime !== undefined && { authTime }) }, caller, {
        action: 'factor.added',
        details: { factorId, kind: 'totp' },
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
      return { given: {}, action: 'factor.removed', details: { factorId } };
    });
  }

  /** @throws Problem 401, 403, 409 `no_factor` */
  async renewRecoveryCodes(principal: Principal, caller: Caller): Promise<RecoveryCodesDto> {
    return this.change(principal, caller, async (manager, { userId }) => {
      const standing = await this.factors.lockedStandingOf(manager, userId);
      if (!standing || standing.totp === 0) {
        throw conflict('no_factor', 'There is no factor that recovery codes could replace.');
      }
      const recoveryCodes = await this.factors.renewRecoveryCodes(manager, userId);
      return { given: { recoveryCodes }, action: 'recovery_codes.renewed', details: {} };
    });
  }

  private async change<T extends object>(
    principal: Principal,
    caller: Caller,
    work: (
      manager: EntityManager,
      proof: LoginProof,
    ) => Promise<{ given: T; action: string; details: Record<string, unknown> }>,
  ): Promise<TokenPairDto & T> {
    const proof = await this.proofOf({ principal });
    const { started, given } = await inTransaction(this.dataSource, async (manager) => {
      if (!(await this.factors.holdCredentials(manager, proof, 'NO KEY UPDATE'))) throw invalidCredentials();
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
    entry: { action: string; details: Record<string, unknown> },
  ): Promise<Awaited<ReturnType<LoginSteps['openSession']>>> {
    const { userId } = proof;
    const sessionEpoch = await this.factors.epochOf(manager, userId);
    const started = await this.steps.openSession(manager, { ...proof, sessionEpoch }, caller, null);
    const actor: Actor = { ...caller.actor, type: 'user', id: userId };
    await this.audit.record(manager, { ...entry, actor, target: { type: 'user', id: userId } });
    return started;
  }

  private async tokensOf(started: Awaited<ReturnType<LoginSteps['openSession']>>): Promise<TokenPairDto> {
    const pair = await this.steps.pairOf(started);
    if (!pair) throw invalidCredentials();
    return pair;
  }

  private confirmed(
    { factorId, secret: wrapped }: Setup,
    code: string,
  ): { factorId: string; secret: string; step: number } {
    const secret = unwrapTotpSecret(this.masterKey, factorId, Buffer.from(wrapped, 'base64')).toString();
    const step = totpStepOf(secret, code, this.clock.now().getTime() / 1000);
    if (step === null) throw invalidFields([{ field: 'code', message: 'is not what the app should show now' }]);
    return { factorId, secret, step };
  }

  /** What is known of whoever asks, bound to the credentials as they are. */
  private async proofOf(right: EnrolmentRight): Promise<LoginProof> {
    if ('enrolmentToken' in right) {
      const asked = await this.tokens.read(this.dataSource.manager, ENROLMENT.purpose, right.enrolmentToken);
      if (!asked) throw invalidToken('The enrolment token is not valid, or not any more. Log in again.');
      const { userId, sessionEpoch, details } = asked;
      return { ...(details as Pick<LoginProof, 'asOf' | 'amr' | 'audience'>), userId, sessionEpoch };
    }
    const { principal } = right;
    const credentials = await this.users.credentialsFor({ id: signedInUserOf(principal) });
    if (credentials?.status !== 'active') throw invalidCredentials();
    const { id: userId, sessionEpoch } = credentials;
    const { amr, authTime, audience, asOf } = principal;
    return {
      ...{ userId, sessionEpoch, asOf: asOf.toString(), amr: [...amr], audience: [...audience] },
      ...(authTime !== null && { authTime }),
    };
  }
}

const spentToken = (): Problem => invalidToken('The setup token is not valid, or not any more. Start again.');
