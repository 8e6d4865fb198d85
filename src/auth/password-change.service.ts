import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { LOGIN_CLIENT, type Actor } from '../common/principal.js';
import { Problem, invalidFields, invalidToken } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { TokenMinter } from '../tokens/token-minter.js';
import { PasswordHasher } from '../users/password-hasher.js';
import { PasswordPolicy } from '../users/password-policy.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import type { ChangePasswordDto, TokenPairDto } from './auth.dto.js';
import { ChangeTokens, type ChangeGrant } from './change-token.js';
import { LoginThrottle } from './login-throttle.js';
import { tokenPair } from './login.service.js';
import { invalidCredentials, type Caller } from './password-check.js';

/**
 * By what right a password is changed: a session, or a login that asked for the change. `refuse` gives the answer when what came as a change token is none.
 */
export type ChangeRight = { userId: string; audience: string[] } | { changeToken: string; refuse?: () => Problem };

@Injectable()
export class PasswordChangeService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly throttle: LoginThrottle,
    private readonly changeTokens: ChangeTokens,
    private readonly sessions: SessionsService,
    private readonly minter: TokenMinter,
    private readonly audit: AuditService,
  ) {}

  /**
   * Changes the password, which ends every session and token of the user, and starts a new session. Change and session are one transaction: a
   * client whose answer is lost finds either the old password or the new one in force.
   *
   * @throws Problem 400, 401 `invalid_credentials`, 409 when it was changed meanwhile, 429
   */
  async change(right: ChangeRight, dto: ChangePasswordDto, caller: Caller): Promise<TokenPairDto> {
    const credentials = await this.authorise(right, dto, caller);
    await this.policy.require(dto.newPassword, credentials, 'newPassword');
    if (await this.hasher.verify(credentials.passwordHash, dto.newPassword, caller.signal)) {
      throw invalidFields([{ field: 'newPassword', message: 'must differ from the current password' }]);
    }
    const newHash = await this.hasher.hash(dto.newPassword, caller.signal);
    const audience = 'audience' in right ? right.audience : [this.env.issuer];
    const started = await this.replace(credentials, newHash, audience, caller);
    const minted = started && (await this.minter.mint(started.sessionId));
    if (!minted) throw new Problem(409, 'credentials_changed', 'The credentials were changed meanwhile. Log in again.');
    return tokenPair(minted, started.refreshToken);
  }

  private async replace(
    credentials: Credentials,
    newHash: string,
    audience: string[],
    { actor, userAgent }: Caller,
  ): Promise<{ sessionId: string; refreshToken: string } | null> {
    return inTransaction(this.dataSource, async (manager) => {
      const sessionEpoch = await this.users.setPassword(manager, credentials.id, credentials.sessionEpoch, newHash, {
        mustChange: false,
      });
      if (sessionEpoch === null) return null;
      const who: Actor = { ...actor, type: 'user', id: credentials.id };
      await this.audit.record(manager, {
        action: 'password.changed',
        actor: who,
        target: { type: 'user', id: credentials.id },
      });
      return this.sessions.start(manager, {
        userId: credentials.id,
        sessionEpoch,
        asOf: credentials.asOf,
        clientId: LOGIN_CLIENT,
        audience,
        userAgent,
        address: actor.address,
      });
    });
  }

  private async authorise(right: ChangeRight, dto: ChangePasswordDto, caller: Caller): Promise<Credentials> {
    const grant = 'changeToken' in right ? this.requireGrant(right) : null;
    const userId = 'userId' in right ? right.userId : grant?.userId;
    const credentials = userId === undefined ? null : await this.users.credentialsFor({ id: userId });
    if (credentials?.status !== 'active') throw invalidCredentials();
    if (grant && grant.sessionEpoch !== credentials.sessionEpoch) throw spentChangeToken();
    if (!grant || dto.currentPassword !== undefined)
      await this.requirePassword(credentials, dto.currentPassword, caller);
    return credentials;
  }

  private requireGrant({ changeToken, refuse }: { changeToken: string; refuse?: () => Problem }): ChangeGrant {
    const grant = this.changeTokens.read(changeToken);
    if (!grant) throw refuse?.() ?? spentChangeToken();
    return grant;
  }

  /**
   * A stolen token must not be a way to guess the password: failures are counted as for logins, but apart from them, since those are anybody's.
   */
  private async requirePassword(
    credentials: Credentials,
    password: string | undefined,
    { actor, signal }: Caller,
  ): Promise<void> {
    if (password === undefined) throw invalidFields([{ field: 'currentPassword', message: 'is required' }]);
    await this.throttle.admitAttempt(actor.address ?? '');
    const account = credentials.id;
    const right = await this.hasher.verify(credentials.passwordHash, password, signal);
    await this.throttle.requireUnlocked(account);
    if (right) return;
    const locked = await this.throttle.countFailure(account);
    const target = { type: 'user', id: credentials.id };
    await this.audit.recordRefusal({ action: 'password.change_failed', outcome: 'failure', actor, target });
    if (locked) await this.audit.recordRefusal({ action: 'account.locked', outcome: 'denied', actor, target });
    throw invalidCredentials();
  }
}

const spentChangeToken = (): Problem => invalidToken('The change token is not valid, or not any more. Log in again.');
