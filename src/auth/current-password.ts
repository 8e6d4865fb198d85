import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { PasswordHasher } from '../users/password-hasher.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import { LoginThrottle } from './login-throttle.js';
import { invalidCredentials, type Caller } from './password-check.js';

/** Asks somebody who is logged in for the password again, before what a stolen token must not be enough for. */
@Injectable()
export class CurrentPassword {
  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly audit: AuditService,
  ) {}

  /**
   * Reads the credentials, and asks for their password: `require`.
   *
   * @param failed the audit action of an attempt that fails
   * @returns the credentials that were proven
   * @throws Problem 401 `invalid_credentials`, 429, 503
   */
  async prove(userId: string, password: string, caller: Caller, failed: string): Promise<Credentials> {
    const credentials = await this.users.credentialsFor({ id: userId });
    if (credentials?.status !== 'active') throw invalidCredentials();
    await this.require(credentials, password, caller, failed);
    return credentials;
  }

  /**
   * A stolen token must not be a way to guess the password either: failures are counted as for logins, but apart from them, since those are anybody's.
   *
   * @param failed the audit action of an attempt that fails
   * @throws Problem 401 `invalid_credentials`, 429, 503
   */
  async require(
    { id: userId, passwordHash }: Credentials,
    password: string,
    { actor, signal }: Caller,
    failed: string,
  ): Promise<void> {
    const right = await this.hasher.verify(passwordHash, password, signal);
    await this.throttle.requireUnlocked(userId);
    if (right) return;
    const locked = await this.throttle.countFailure(userId);
    const target = { type: 'user', id: userId };
    await this.audit.recordRefusal({ action: failed, outcome: 'failure', actor, target });
    if (locked) await this.audit.recordRefusal({ action: 'account.locked', outcome: 'denied', actor, target });
    throw invalidCredentials();
  }
}
