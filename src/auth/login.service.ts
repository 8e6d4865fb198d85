import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { violatedForeignKey } from '../common/database-errors.js';
import { LOGIN_CLIENT } from '../common/principal.js';
import { Problem } from '../common/problem.js';
import { inTransaction } from '../database/transaction.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { warningsField, type MintedToken } from '../tokens/minted-token.js';
import { TokenAudiences } from '../tokens/token-audiences.js';
import { TokenMinter } from '../tokens/token-minter.js';
import type { Credentials } from '../users/users.service.js';
import { ChangeTokens } from './change-token.js';
import type { LoginDto, TokenPairDto } from './auth.dto.js';
import { PasswordCheck, invalidCredentials, type Caller } from './password-check.js';

@Injectable()
export class LoginService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly passwords: PasswordCheck,
    private readonly changeTokens: ChangeTokens,
    private readonly audiences: TokenAudiences,
    private readonly sessions: SessionsService,
    private readonly minter: TokenMinter,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 400, 401 `invalid_credentials`, 403 `password_change_required`, 429, 503 */
  async login(dto: LoginDto, caller: Caller): Promise<TokenPairDto> {
    const audience = await this.audiences.require(dto.audience);
    const { username, email = '' } = dto;
    const name = username === undefined ? { email } : { username };
    const credentials = await this.passwords.prove(name, dto.password, caller, 'login.failed');
    if (credentials.mustChangePassword) throw this.changeRequired(credentials);
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
    this.passwords.count('success');
    return tokenPair(minted, refreshToken);
  }

  private changeRequired({ id, sessionEpoch }: Credentials): Problem {
    this.passwords.count('change_required');
    return new Problem(
      403,
      'password_change_required',
      'The password must be changed before it can be used to log in.',
      {
        changeToken: this.changeTokens.issue({ userId: id, sessionEpoch }),
      },
    );
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
