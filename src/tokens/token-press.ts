import { Inject, Injectable } from '@nestjs/common';
import type { TokenClaims } from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { unavailable } from '../common/problem.js';
import { KeysService } from '../keys/keys.service.js';
import { SigningKeyGone } from '../keys/signing-key-gone.js';
import type { MintingFacts } from './minting-facts.js';
import { chooseSigner, type AudienceProblem } from './signing-choice.js';

/** How often the facts are read for one token. */
const MOST_ATTEMPTS = 5;

/** No key signs for all of the audiences that a token was asked for. */
export class UnmintableAudience extends Error {
  override readonly name = 'UnmintableAudience';

  constructor(readonly problems: readonly AudienceProblem[]) {
    super(problems.map(({ audience, message }) => `${audience} ${message}`).join('; '));
  }
}

/** What a token is to be made of. */
export interface TokenOrder<Facts extends MintingFacts> {
  /** Reads the facts by one statement; null when no token may be minted. */
  readFacts: () => Promise<Facts | null>;
  /** Null where no token may be minted any more. */
  claimsOf: (facts: Facts) => TokenClaims | null;
  /** `typ` of the token. */
  type?: string;
  /** An audience that the issuer's key serves while it is not registered. */
  unregistered?: string | null;
}

export interface PressedToken {
  text: string;
  claims: TokenClaims;
  /** The key that signed it. */
  kid: string;
}

/** Makes tokens: the facts, the key that they name, the claims, the signature. */
@Injectable()
export class TokenPress {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly keys: KeysService,
  ) {}

  /**
   * Null when the facts allow no token. Where a key is missing, or goes between the facts and the signature, the facts are read anew: an
   * older `as_of` must not come with a newer key, nor the other way round.
   *
   * @throws UnmintableAudience; Problem 503 when key after key goes meanwhile
   */
  async press<Facts extends MintingFacts>(order: TokenOrder<Facts>): Promise<PressedToken | null> {
    for (let attempt = 1; ; attempt++) {
      const facts = await order.readFacts();
      if (!facts) return null;
      const { issuer, signingAlgorithm: algorithm } = this.env;
      const choice = chooseSigner(facts, { issuer, algorithm, unregistered: order.unregistered ?? null });
      if (choice.kind === 'refuse') throw new UnmintableAudience(choice.problems);
      if (choice.kind === 'make') {
        if (attempt >= MOST_ATTEMPTS) throw unavailable('Keys are being revoked faster than others can be made.');
        await this.keys.ensureActive(choice.algorithm);
        continue;
      }
      const claims = order.claimsOf(facts);
      if (!claims) return null;
      const input = `${encode({ alg: choice.algorithm, kid: choice.kid, typ: order.type ?? 'at+jwt' })}.${encode(claims)}`;
      try {
        const signature = await this.keys.sign(choice.kid, Buffer.from(input, 'latin1'));
        return { text: `${input}.${signature.toString('base64url')}`, claims, kid: choice.kid };
      } catch (error) {
        if (!(error instanceof SigningKeyGone)) throw error;
        if (attempt >= MOST_ATTEMPTS) throw unavailable('Keys are being revoked faster than tokens can be signed.');
      }
    }
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part), 'utf8').toString('base64url');
}
