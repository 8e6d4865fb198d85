import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { randomSecret } from '../common/secrets.js';
import { prepared } from '../database/prepared.js';
import { KeysService } from '../keys/keys.service.js';
import { accessTokenClaims, type MintingRules } from './access-token-claims.js';
import { SESSION_FACTS, type SessionFacts } from './session-facts.js';

export interface MintedToken {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  /** Names of permissions, separated by spaces. */
  scope: string;
}

/** Mints access tokens (RFC 9068). */
@Injectable()
export class TokenMinter {
  private readonly rules: MintingRules;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly keys: KeysService,
  ) {
    this.rules = { issuer: env.issuer, lifetime: env.accessTokenTtl, preferredUsername: env.preferredUsernameClaim };
  }

  /**
   * A token for a session whose row is committed, or null when the session is not live: its user was disabled, the credentials changed since they
   * were checked, or it was ended.
   */
  async mint(sessionId: string): Promise<MintedToken | null> {
    const facts = await this.readFacts(sessionId);
    if (facts?.kid !== null) return this.sign(sessionId, facts);
    // The active key was revoked and nothing has replaced it yet.
    await this.keys.ensureActive(this.env.signingAlgorithm);
    return this.sign(sessionId, await this.readFacts(sessionId));
  }

  private async readFacts(sessionId: string): Promise<SessionFacts | null> {
    const values = [sessionId, this.env.signingAlgorithm];
    const [facts] = await prepared<SessionFacts>(this.dataSource, this.env, 'session_facts', SESSION_FACTS, values);
    return facts ?? null;
  }

  private async sign(sessionId: string, facts: SessionFacts | null): Promise<MintedToken | null> {
    if (!facts) return null;
    const claims = accessTokenClaims(facts, { id: sessionId, jti: randomSecret(16) }, this.rules);
    if (!claims) return null;
    if (facts.kid === null) throw new Error(`no ${this.env.signingAlgorithm} key is active`);
    const header = { alg: this.env.signingAlgorithm, kid: facts.kid, typ: 'at+jwt' };
    const input = `${encode(header)}.${encode(claims)}`;
    const signature = await this.keys.sign(facts.kid, Buffer.from(input, 'latin1'));
    return {
      accessToken: `${input}.${signature.toString('base64url')}`,
      expiresIn: claims.exp - claims.iat,
      scope: claims.scope ?? '',
    };
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part), 'utf8').toString('base64url');
}
