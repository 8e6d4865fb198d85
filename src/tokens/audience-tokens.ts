import { Inject, Injectable } from '@nestjs/common';
import {
  TokenCache,
  TokenVerifier,
  VerificationError,
  outrunsWindow,
  type Principal,
  type VerifiedToken,
} from '@portcullis/verifier';
import { ENV, type Env } from '../../config/env.js';
import { KeysService } from '../keys/keys.service.js';

/** In characters: as long as the header may be that carries it. */
export const LONGEST_TOKEN = 60 * 1024;

/**
 * Verifies access tokens for any audience of this issuer, in the place of services that do not do it themselves: by the same verifier, the same
 * window and the same freshness as the guard, which takes tokens for the issuer alone.
 */
@Injectable()
export class AudienceTokens {
  private readonly cache: TokenCache;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly verifier: TokenVerifier,
    private readonly keys: KeysService,
  ) {
    const { entries, bytes } = env.tokenCache;
    this.cache = new TokenCache({ maxEntries: entries, maxBytes: bytes }, () => verifier.follower.now() / 1000);
  }

  /**
   * @param audience whom the token must be for, all of them
   * @param arrivedAt when the request arrived, on the monotonic clock (ms)
   * @throws VerificationError when the token is refused
   * @throws StaleWindowError when that cannot be known in time
   */
  async verify(token: string, audience: readonly [string, ...string[]], arrivedAt: number): Promise<Principal> {
    const { follower, issuer } = this.verifier;
    const { maxStalenessMs } = this.env;
    if (audience.every((one) => one === issuer)) return this.verifier.verify(token, { arrivedAt, maxStalenessMs });
    if (maxStalenessMs > 0) follower.touch();
    // The signature first, so that garbage never costs a catch-up.
    const verified = this.cache.get(token) ?? (await this.authenticate(token, audience[0]));
    requireAudience(verified, audience);
    await follower.freshSince(arrivedAt - maxStalenessMs);
    // Minted after the last catch-up: it is beyond the window only if it still is after another.
    if (outrunsWindow(verified, follower.window)) await follower.freshSince(arrivedAt);
    return this.verifier.decide(verified);
  }

  /**
   * What never changes about a token, by a verifier that belongs to the audience. What it found holds for each audience that the token names: of
   * an audience's own secret it has seen that it signs for no other.
   */
  private async authenticate(token: string, audience: string): Promise<VerifiedToken> {
    const { follower, issuer } = this.verifier;
    const options = { issuer, audience, keys: this.keys, follower, maxTokenLength: LONGEST_TOKEN };
    const verified = await new TokenVerifier({ ...options, cache: { maxEntries: 0 } }).authenticate(token);
    this.cache.set(token, verified);
    return verified;
  }
}

function requireAudience({ claims, principal }: VerifiedToken, audience: readonly string[]): void {
  if (audience.every((one) => principal.audience.includes(one))) return;
  throw new VerificationError('wrong_audience', { signatureValid: true, claims });
}
