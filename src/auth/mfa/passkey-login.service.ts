import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { Problem } from '../../common/problem.js';
import { SECOND_FACTOR } from '../../tokens/second-factor-rule.js';
import { TokenAudiences } from '../../tokens/token-audiences.js';
import { UsersService } from '../../users/users.service.js';
import type { FactorRequiredDto, TokenPairDto } from '../auth.dto.js';
import { LoginSteps, type LoginProof } from '../login-steps.service.js';
import { PasswordCheck, type Caller } from '../password-check.js';
import { challengeOf, readAuthentication } from './passkey-response.js';
import type { PasskeyLoginDto, PasskeyQuestionDto } from './passkey.dto.js';
import { Passkeys } from './passkeys.service.js';
import { SecondFactors } from './second-factors.service.js';
import { TotpGuesses } from './totp-guesses.service.js';

/** Thrown in the transaction. */
class RefusedPasskey extends Error {
  constructor(readonly copied: boolean) {
    super();
  }
}

/** A login by a passkey alone: it is two factors, since the authenticator makes sure of its user. */
@Injectable()
export class PasskeyLogin {
  constructor(
    private readonly passkeys: Passkeys,
    private readonly factors: SecondFactors,
    private readonly guesses: TotpGuesses,
    private readonly users: UsersService,
    private readonly audiences: TokenAudiences,
    private readonly steps: LoginSteps,
    private readonly passwords: PasswordCheck,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 429 */
  async ask(): Promise<PasskeyQuestionDto> {
    return { options: { ...(await this.passkeys.loginOptions()) } };
  }

  /** @throws Problem 400, 401 `invalid_credentials`, 403 `password_change_required`, 429, 503 */
  async login(
    { credential, audience: wanted, mode }: PasskeyLoginDto,
    caller: Caller,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const audience = await this.audiences.require(wanted);
    const response = readAuthentication(credential);
    const challenge = response ? challengeOf(response) : '';
    if (!response || !this.passkeys.knowsChallenge(challenge)) throw await this.failed(null, caller.actor);
    const holder = await this.passkeys.holderOf(response);
    const credentials = holder === null ? null : await this.users.credentialsFor({ id: holder });
    if (credentials?.status !== 'active') throw await this.failed(holder, caller.actor);
    const { id: userId, sessionEpoch, asOf } = credentials;
    const proof = { userId, sessionEpoch, asOf, amr: [SECOND_FACTOR], audience, ...(mode && { mode }) };
    const redeem = async (manager: EntityManager): Promise<LoginProof> => {
      if (!(await this.factors.holdCredentials(manager, proof, 'SHARE'))) throw new RefusedPasskey(false);
      // Before the passkey is looked at: of one answer that comes twice, the second is no copy of it. Kept only if that is right, since anybody may send wrong ones.
      if (!(await this.passkeys.useChallenge(manager, challenge))) throw new RefusedPasskey(false);
      const used = await this.passkeys.use(manager, { userId, response, challenge, verified: true });
      if ('refused' in used) throw new RefusedPasskey(used.refused === 'copied');
      await this.guesses.forget(manager, userId);
      return { ...proof, amr: used.methods };
    };
    return this.steps.take({ proof, caller, redeem, action: 'login.succeeded' }).catch(async (error: unknown) => {
      throw error instanceof RefusedPasskey ? await this.failed(userId, caller.actor, error.copied) : error;
    });
  }

  private async failed(userId: string | null, actor: Actor, copied = false): Promise<Problem> {
    this.passwords.count('failure');
    const whose = userId === null ? {} : { target: { type: 'user', id: userId } };
    await this.audit.recordRefusal({ action: 'login.failed', outcome: 'failure', actor, ...whose });
    if (copied) await this.audit.recordRefusal({ action: 'passkey.copied', outcome: 'denied', actor, ...whose });
    return new Problem(401, 'invalid_credentials', 'The passkey is not known here, or its answer is not right.');
  }
}
