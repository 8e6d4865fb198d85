import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import type { Actor } from '../common/principal.js';
import { Problem, insufficientAuthentication, invalidFields, invalidToken } from '../common/problem.js';
import { PasswordHasher } from '../users/password-hasher.js';
import { PasswordPolicy } from '../users/password-policy.js';
import { SecurityNotices } from '../users/security-notices.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import type { ChangePasswordDto, FactorRequiredDto, TokenPairDto } from './auth.dto.js';
import { agreedMode } from './agreed-mode.js';
import { ChangeTokens, type ChangeGrant } from './change-token.js';
import { CurrentPassword } from './current-password.js';
import { LoginSteps, type LoginProof } from './login-steps.service.js';
import { invalidCredentials, type Caller } from './password-check.js';
import type { TokenMode } from './session-cookie.js';

/** The session by whose token a password is changed. */
interface SessionRight {
  userId: string;
  audience: string[];
  /** How its user logged in: the session that takes its place is no better. */
  amr: string[];
  authTime: number | null;
}

/**
 * By what right a password is changed: a session, or a login that asked for the change. `refuse` gives the answer when what came as a change token is none.
 */
export type ChangeRight = SessionRight | { changeToken: string; refuse?: () => Problem };

/** Who changes the password, and what they have proven so far. */
interface Authorised {
  credentials: Credentials;
  proof: LoginProof;
}

@Injectable()
export class PasswordChangeService {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly current: CurrentPassword,
    private readonly changeTokens: ChangeTokens,
    private readonly steps: LoginSteps,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** How the tokens are to be handed over, by what this and the login before it say. @throws Problem 400 */
  modeOf(right: ChangeRight, mode: TokenMode | undefined): TokenMode | undefined {
    const grant = 'changeToken' in right ? this.changeTokens.read(right.changeToken) : null;
    return agreedMode(grant?.mode ?? undefined, mode);
  }

  /**
   * Changes the password, which ends every session and token of the user, and starts a new session. Change and session are one transaction: a
   * client whose answer is lost finds either the old password or the new one in force.
   *
   * @throws Problem 400, 401 `invalid_credentials`, 403 `factor_enrolment_required`, 409 when it was changed meanwhile, 429
   */
  async change(right: ChangeRight, dto: ChangePasswordDto, caller: Caller): Promise<TokenPairDto | FactorRequiredDto> {
    const { credentials, proof } = await this.authorise(right, dto, caller);
    await this.policy.require(dto.newPassword, credentials, 'newPassword');
    if (await this.hasher.verify(credentials.passwordHash, dto.newPassword, caller.signal)) {
      throw invalidFields([{ field: 'newPassword', message: 'must differ from the current password' }]);
    }
    const newHash = await this.hasher.hash(dto.newPassword, caller.signal);
    const redeem = (manager: EntityManager): Promise<LoginProof> => this.replace(manager, proof, newHash, caller);
    return this.steps.take({ proof, caller, redeem, action: null, changesPassword: true }).catch((error: unknown) => {
      throw error instanceof Problem && error.code === 'invalid_credentials' ? changedMeanwhile() : error;
    });
  }

  private async replace(
    manager: EntityManager,
    proof: LoginProof,
    newHash: string,
    { actor }: Caller,
  ): Promise<LoginProof> {
    const { userId: id } = proof;
    const sessionEpoch = await this.users.setPassword(manager, id, proof.sessionEpoch, newHash, { mustChange: false });
    if (sessionEpoch === null) throw changedMeanwhile();
    const who: Actor = { ...actor, type: 'user', id };
    await this.audit.record(manager, { action: 'password.changed', actor: who, target: { type: 'user', id } });
    await this.notices.tell(manager, { notice: 'password-changed-by-owner', userId: id, actor: who });
    return { ...proof, sessionEpoch };
  }

  private async authorise(right: ChangeRight, dto: ChangePasswordDto, caller: Caller): Promise<Authorised> {
    const grant = 'changeToken' in right ? this.requireGrant(right) : null;
    const userId = 'userId' in right ? right.userId : grant?.userId;
    const credentials = userId === undefined ? null : await this.users.credentialsFor({ id: userId });
    if (credentials?.status !== 'active') throw invalidCredentials();
    if (grant && grant.sessionEpoch !== credentials.sessionEpoch) throw spentChangeToken();
    if (!grant || dto.currentPassword !== undefined) {
      const { currentPassword } = dto;
      if (currentPassword === undefined) throw invalidFields([{ field: 'currentPassword', message: 'is required' }]);
      await this.current.require(credentials, currentPassword, caller, 'password.change_failed');
    }
    const { id, sessionEpoch, asOf } = credentials;
    const { audience, amr, authTime } = 'userId' in right ? right : this.beginningOf(grant);
    const proof = {
      ...{ userId: id, sessionEpoch, asOf, audience, amr },
      ...(authTime !== null && { authTime }),
      ...(dto.mode && { mode: dto.mode }),
    };
    if ('userId' in right) await this.requireWhole(proof);
    return { credentials, proof };
  }

  /** The session that a change without one leads to. */
  private beginningOf(grant: ChangeGrant | null): Pick<SessionRight, 'audience' | 'amr' | 'authTime'> {
    return { audience: [this.env.issuer], amr: grant?.amr ?? [], authTime: grant?.authTime ?? null };
  }

  /** A token that stands for less than a whole login, such as a generated one, must not become one by means of the password alone. */
  private async requireWhole({ userId, amr }: LoginProof): Promise<void> {
    const step = await this.steps.ahead({ userId, amr });
    if (step === 'prove_factor' || step === 'enrol') throw insufficientAuthentication({ secondFactor: true });
  }

  private requireGrant({ changeToken, refuse }: { changeToken: string; refuse?: () => Problem }): ChangeGrant {
    const grant = this.changeTokens.read(changeToken);
    if (!grant) throw refuse?.() ?? spentChangeToken();
    return grant;
  }
}

const changedMeanwhile = (): Problem =>
  new Problem(409, 'credentials_changed', 'The credentials were changed meanwhile. Log in again.');

const spentChangeToken = (): Problem => invalidToken('The change token is not valid, or not any more. Log in again.');
