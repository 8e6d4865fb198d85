import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { randomSecret } from '../common/secrets.js';
import { prepared } from '../database/prepared.js';
import { accessTokenClaims, type MintingRules } from './access-token-claims.js';
import { mintedFrom, type MintedToken } from './minted-token.js';
import { beyondSession } from './session-audience.js';
import { SESSION_FACTS, SESSION_FACTS_FOR, type SessionFacts } from './session-facts.js';
import { chooseSigner } from './signing-choice.js';
import { unmintable } from './token-audiences.js';
import { TokenPress, UnmintableAudience } from './token-press.js';

/** What a token is to be in place of what its session gives. The session itself stays as it is. */
export interface TokenWish {
  audience?: readonly string[];
  /** Grant these alone, as far as the session holds them; null: all of them. */
  permissions?: readonly string[] | null;
}

/** Mints the access tokens of sessions (RFC 9068). */
@Injectable()
export class TokenMinter {
  private readonly rules: MintingRules;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly press: TokenPress,
  ) {
    this.rules = {
      issuer: env.issuer,
      lifetime: env.accessTokenTtl,
      preferredUsername: env.preferredUsernameClaim,
      secondFactorRoles: env.mfaRequiredRoles,
    };
  }

  /**
   * A token for a session whose row is committed, or null when the session is not live: its user was disabled, the credentials changed since they
   * were checked, it was ended, or no token can be made any more for the audiences that it began with.
   *
   * @throws Problem 400 when no token can be made for the audiences asked for here, or the session is for others
   */
  async mint(sessionId: string, { audience, permissions }: TokenWish = {}): Promise<MintedToken | null> {
    try {
      const pressed = await this.press.press({
        readFacts: () => this.readFacts(sessionId, audience ?? null),
        claimsOf: (facts) => accessTokenClaims(facts, { sessionId, jti: randomSecret(16), permissions }, this.rules),
      });
      return pressed && mintedFrom(pressed);
    } catch (error) {
      if (!(error instanceof UnmintableAudience) || audience === undefined) throw error;
      throw unmintable(error.problems, audience);
    }
  }

  private async readFacts(sessionId: string, audience: readonly string[] | null): Promise<SessionFacts | null> {
    const { issuer, signingAlgorithm: algorithm } = this.env;
    if (audience === null) {
      const facts = await this.read('session_facts', SESSION_FACTS, [sessionId, algorithm]);
      if (!facts || facts.audience.every((name) => name === issuer)) return facts;
    }
    const facts = await this.read('session_facts_for', SESSION_FACTS_FOR, [sessionId, algorithm, audience]);
    if (!facts?.sessionAudience) return null;
    // Of a session whose own audience is gone there is nothing for others either.
    const own = chooseSigner({ ...facts, audience: facts.sessionAudience }, { issuer, algorithm });
    if (own.kind === 'refuse') return null;
    const problems = beyondSession(facts.audience, facts.sessionAudience, issuer);
    if (problems.length > 0) throw new UnmintableAudience(problems);
    return facts;
  }

  private async read(name: string, text: string, values: unknown[]): Promise<SessionFacts | null> {
    const [facts] = await prepared<SessionFacts>(this.dataSource, this.env, name, text, values);
    return facts ?? null;
  }
}
