import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { randomSecret } from '../common/secrets.js';
import { prepared } from '../database/prepared.js';
import { CLIENT_FACTS, CLIENT_FACTS_FOR, type ClientFacts } from './client-facts.js';
import { clientTokenClaims, type ClientTokenRules } from './client-token-claims.js';
import { mintedFrom, type MintedToken } from './minted-token.js';
import { unmintable } from './token-audiences.js';
import { TokenPress, UnmintableAudience } from './token-press.js';

/** What a client that has proven who it is asks for. */
export interface ClientGrant {
  clientId: string;
  /** Read together with what the client proved itself by. */
  epoch: string;
  audience: readonly string[];
  /** Null: all that it holds. */
  permissions: readonly string[] | null;
}

/** Mints the access tokens that clients get for themselves (RFC 6749 section 4.4). */
@Injectable()
export class ClientTokenMinter {
  private readonly rules: ClientTokenRules;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly press: TokenPress,
  ) {
    this.rules = { issuer: env.issuer, lifetime: env.accessTokenTtl, longest: env.maxTokenTtl };
  }

  /**
   * Null when the client was disabled, deleted or given other credentials since it proved who it is, or may have no token for one of the
   * audiences. Granted is what was asked for and is held, as the same statement read it that gave `as_of`.
   *
   * @throws Problem 400 when no key signs for these audiences together
   */
  async mint({ clientId, epoch, audience, permissions }: ClientGrant): Promise<MintedToken | null> {
    const { issuer, signingAlgorithm } = this.env;
    const wanted = [...new Set(audience)];
    const values = [clientId, signingAlgorithm, issuer, epoch];
    const forIssuer = wanted.length === 1 && wanted[0] === issuer;
    try {
      const pressed = await this.press.press({
        readFacts: () =>
          forIssuer
            ? this.read('client_facts', CLIENT_FACTS, values)
            : this.read('client_facts_for', CLIENT_FACTS_FOR, [...values, wanted]),
        claimsOf: (facts) => clientTokenClaims(facts, { jti: randomSecret(16), permissions }, this.rules),
      });
      return pressed && mintedFrom(pressed);
    } catch (error) {
      if (error instanceof UnmintableAudience) throw unmintable(error.problems, audience);
      throw error;
    }
  }

  private async read(name: string, text: string, values: unknown[]): Promise<ClientFacts | null> {
    const [facts] = await prepared<ClientFacts>(this.dataSource, this.env, name, text, values);
    return facts ?? null;
  }
}
