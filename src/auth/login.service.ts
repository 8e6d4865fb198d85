import { Inject, Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Counter } from 'prom-client';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { violatedForeignKey } from '../common/database-errors.js';
import { Metrics } from '../common/metrics.js';
import { LOGIN_CLIENT, type Actor } from '../common/principal.js';
import { Problem } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { TokenMinter } from '../tokens/token-minter.js';
import { PasswordHasher } from '../users/password-hasher.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import { requireKnownAudience } from './audience.js';
import { ChangeTokens } from './change-token.js';
import { LoginThrottle, accountKey } from './login-throttle.js';
import type { LoginDto, TokenPairDto } from './auth.dto.js';

/** Whence a session is started, as its list shows it. */
export interface Caller {
  actor: Actor;
  userAgent: string | null;
  /** Aborted when the client goes away: it then gives up its place among those whose password waits to be checked. */
  signal: AbortSignal;
}

export const invalidCredentials = (): Problem =>
  new Problem(401, 'invalid_credentials', 'The name or the password is wrong.');

@Injectable()
export class LoginService {
  private readonly logger = new Logger(LoginService.name);
  private readonly logins: Counter<'outcome'>;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly changeTokens: ChangeTokens,
    private readonly sessions: SessionsService,
    private readonly minter: TokenMinter,
    private readonly audit: AuditService,
    metrics: Metrics,
  ) {
    this.logins = metrics.counter('portcullis_logins_total', 'Logins, by outcome', ['outcome']);
  }

  /**
   * Every attempt costs one hash, whether or not the account exists, is disabled or locked: neither answer nor time tells them apart.
   *
   * @throws Problem 401 `invalid_credentials`, 403 `password_change_required`, 429, 503
   */
  async login(dto: LoginDto, caller: Caller): Promise<TokenPairDto> {
    const audience = requireKnownAudience(dto.audience, this.env.issuer);
    await this.throttle.admitAttempt(caller.actor.address ?? '');
    const name = nameOf(dto);
    const credentials = await this.users.credentialsFor(name);
    const account = accountKey(name);
    const right = await this.hasher.verify(credentials?.passwordHash ?? null, dto.password, caller.signal);
    // After the hash: of many guesses at once only those learn anything that ended before the account was locked.
    const { failures } = await this.throttle.requireUnlocked(account);
    if (!right || credentials?.status !== 'active') {
      await this.fail(account, credentials, caller.actor);
      throw invalidCredentials();
    }
    if (failures > 0) await this.throttle.forgetFailures(account);
    if (credentials.mustChangePassword) throw this.changeRequired(credentials);
    await this.strengthen(credentials, dto.password);
    return this.startSession(credentials, audience, caller);
  }

  /** Starts a session from credentials that were just proven, and mints its first token once the session is committed. */
  private async startSession(
    credentials: Credentials,
    audience: string[],
    { actor, userAgent }: Caller,
  ): Promise<TokenPairDto> {
    const starting = inTransaction(this.dataSource, async (manager) => {
      const started = await this.sessions.start(manager, {
        userId: credentials.id,
        sessionEpoch: credentials.sessionEpoch,
        asOf: credentials.asOf,
        clientId: LOGIN_CLIENT,
        audience,
        userAgent,
        address: actor.address,
      });
      await this.audit.record(manager, {
        action: 'login.succeeded',
        actor: { ...actor, type: 'user', id: credentials.id, sessionId: started.sessionId },
        target: { type: 'user', id: credentials.id },
      });
      return started;
    });
    const { sessionId, refreshToken } = await starting.catch((error: unknown) => {
      // The user was deleted while the password was being checked.
      throw violatedForeignKey(error) === 'sessions_user' ? invalidCredentials() : error;
    });
    const minted = await this.minter.mint(sessionId);
    // The account was disabled, or its password changed, while this one was being checked.
    if (!minted) throw invalidCredentials();
    this.logins.inc({ outcome: 'success' });
    return tokenPair(minted, refreshToken);
  }

  private async fail(account: string, credentials: Credentials | null, actor: Actor): Promise<void> {
    this.logins.inc({ outcome: 'failure' });
    const locked = await this.throttle.countFailure(account);
    const target = credentials ? { target: { type: 'user', id: credentials.id } } : {};
    await this.audit.recordRefusal({ action: 'login.failed', outcome: 'failure', actor, ...target });
    if (!locked) return;
    this.logins.inc({ outcome: 'locked' });
    await this.audit.recordRefusal({ action: 'account.locked', outcome: 'denied', actor, ...target });
  }

  private changeRequired({ id, sessionEpoch }: Credentials): Problem {
    this.logins.inc({ outcome: 'change_required' });
    return new Problem(
      403,
      'password_change_required',
      'The password must be changed before it can be used to log in.',
      {
        changeToken: this.changeTokens.issue({ userId: id, sessionEpoch }),
      },
    );
  }

  /** Hashes anew when the parameters have been raised. The login does not depend on it. */
  private async strengthen({ id, passwordHash }: Credentials, password: string): Promise<void> {
    if (passwordHash === null || !this.hasher.needsRehash(passwordHash)) return;
    try {
      await this.users.rehash(id, passwordHash, await this.hasher.hash(password));
    } catch (error) {
      this.logger.warn(`a password hash could not be strengthened: ${String(error)}`);
    }
  }
}

/** Folded here, once, so that no spelling finds an account without being counted against it. */
function nameOf({ username, email = '' }: LoginDto): { username: string } | { email: string } {
  return username === undefined ? { email: email.toLowerCase() } : { username: username.toLowerCase() };
}

export function tokenPair(
  minted: { accessToken: string; expiresIn: number; scope: string },
  refreshToken: string,
): TokenPairDto {
  return {
    access_token: minted.accessToken,
    token_type: 'Bearer',
    expires_in: minted.expiresIn,
    refresh_token: refreshToken,
    scope: minted.scope,
  };
}
