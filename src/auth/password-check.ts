import { Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { AuditService } from '../audit/audit.service.js';
import { Metrics } from '../common/metrics.js';
import { actorOf, type Actor } from '../common/principal.js';
import { Problem } from '../common/problem.js';
import { PasswordHasher } from '../users/password-hasher.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import { LoginThrottle, accountKey } from './login-throttle.js';

/** Whence somebody proves who they are. */
export interface Caller {
  actor: Actor;
  userAgent: string | null;
  /** Aborted when the client goes away: it then gives up its place among those whose password waits to be checked. */
  signal: AbortSignal;
}

export function callerOf(request: FastifyRequest): Caller {
  const userAgent = request.headers['user-agent']?.slice(0, 256) ?? null;
  return { actor: actorOf(request), userAgent, signal: request.signal };
}

type LoginOutcome = 'success' | 'failure' | 'locked' | 'change_required' | 'factor_required' | 'enrolment_required';

export type AccountName = { username: string } | { email: string };

export const invalidCredentials = (): Problem =>
  new Problem(401, 'invalid_credentials', 'The name or the password is wrong.');

/** Checks a name and a password, for whatever they are proof of. */
@Injectable()
export class PasswordCheck {
  private readonly logger = new Logger(PasswordCheck.name);
  private readonly logins: Counter<'outcome'>;

  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly audit: AuditService,
    metrics: Metrics,
  ) {
    this.logins = metrics.counter('portcullis_logins_total', 'Logins, by outcome', ['outcome']);
  }

  /**
   * The credentials of an active user whose password this is. That it must be changed first is left to the caller. Every attempt costs one hash,
   * whether or not the account exists, is disabled or locked: neither answer nor time tells them apart.
   *
   * @param failed the audit action of an attempt that fails
   * @throws Problem 401 `invalid_credentials`, 429, 503
   */
  async prove(name: AccountName, password: string, caller: Caller, failed: string): Promise<Credentials> {
    this.hasher.requireRoom();
    const credentials = await this.users.credentialsFor(name);
    const account = accountKey(name);
    const right = await this.hasher.verify(credentials?.passwordHash ?? null, password, caller.signal);
    // After the hash: of many guesses at once only those learn anything that ended before the account was locked.
    const { failures } = await this.throttle.requireUnlocked(account);
    if (!right || credentials?.status !== 'active') {
      await this.fail(account, credentials, caller.actor, failed);
      throw invalidCredentials();
    }
    if (failures > 0) await this.throttle.forgetFailures(account);
    if (!credentials.mustChangePassword) await this.strengthen(credentials, password);
    return credentials;
  }

  count(outcome: LoginOutcome): void {
    this.logins.inc({ outcome });
  }

  private async fail(account: string, credentials: Credentials | null, actor: Actor, action: string): Promise<void> {
    this.logins.inc({ outcome: 'failure' });
    const locked = await this.throttle.countFailure(account);
    const target = credentials ? { target: { type: 'user', id: credentials.id } } : {};
    await this.audit.recordRefusal({ action, outcome: 'failure', actor, ...target });
    if (!locked) return;
    this.logins.inc({ outcome: 'locked' });
    await this.audit.recordRefusal({ action: 'account.locked', outcome: 'denied', actor, ...target });
  }

  /** Hashes anew when the parameters have been raised. What the password is proof of does not depend on it. */
  private async strengthen({ id, passwordHash }: Credentials, password: string): Promise<void> {
    if (passwordHash === null || !this.hasher.needsRehash(passwordHash)) return;
    try {
      await this.users.rehash(id, passwordHash, await this.hasher.hash(password));
    } catch (error) {
      this.logger.warn(`a password hash could not be strengthened: ${String(error)}`);
    }
  }
}
