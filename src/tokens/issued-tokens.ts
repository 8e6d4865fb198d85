import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  TokenVerifier,
  VerificationError,
  VerifiedToken,
  audienceOf,
  isExpired,
  outlivesRetention,
  type Principal,
} from '@portcullis/verifier';
import { TokenOpener } from './token-opener.js';

/** Looks at tokens of this issuer for any audience, as their own audiences would: the guard takes none but those for the issuer. */
@Injectable()
export class IssuedTokens {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly opener: TokenOpener,
  ) {}

  /**
   * A token that this issuer signed, or null. It may have expired or been ended.
   *
   * @throws StaleWindowError when the keys cannot be reached
   */
  async open(token: string): Promise<VerifiedToken | null> {
    const opened = await this.opener.open(token);
    return opened instanceof VerifiedToken ? opened : null;
  }

  /**
   * What an opened token still says, or null when it is refused. By the one function that refuses, and by the window as it was after the request arrived.
   *
   * @param arrivedAt on the monotonic clock (ms)
   * @throws StaleWindowError when that cannot be known in time
   */
  async accept(opened: VerifiedToken, arrivedAt: number): Promise<Principal | null> {
    await this.verifier.follower.freshSince(arrivedAt);
    try {
      return this.verifier.decide(opened);
    } catch (error) {
      if (error instanceof VerificationError) return null;
      throw error;
    }
  }

  /**
   * Takes back one token, for all who will ever see it: from the commit on every instance refuses it. `nothing` when there is nothing to take back,
   * since it was taken back before, or is over; `unsupported` when a shared key signed it and it is not on record.
   *
   * @param revokedBy the id of the user or client
   */
  async revoke(
    manager: EntityManager,
    { claims, keyAudience }: VerifiedToken,
    revokedBy: string | null,
  ): Promise<'revoked' | 'nothing' | 'unsupported'> {
    const { follower } = this.verifier;
    // What claims to live longer than anything may is refused as it is.
    if (isExpired(claims, follower.now() / 1000) || outlivesRetention(claims, follower.window)) return 'nothing';
    const [recorded] = await manager.query<{ audience: string }[]>(
      'SELECT audience FROM generated_tokens WHERE jti = $1',
      [claims.jti],
    );
    if (!recorded) {
      // Whoever knows the secret of an audience can write any jti, that of a token for another audience too.
      if (keyAudience !== null) return 'unsupported';
      const values = [claims.jti, revokedBy, claims.exp];
      return (await manager.query<unknown[]>(REVOKE_OTHER, values)).length > 0 ? 'revoked' : 'nothing';
    }
    // For the same reason what is on record for another is out of reach.
    if (!audienceOf(claims).includes(recorded.audience)) return 'nothing';
    const [, revoked] = await manager.query<[unknown[], number]>(REVOKE_RECORDED, [claims.jti, revokedBy]);
    return revoked > 0 ? 'revoked' : 'nothing';
  }
}

const REVOKE_RECORDED = `
UPDATE generated_tokens SET revoked_at = clock_timestamp(), revoked_by = $2 WHERE jti = $1 AND revoked_at IS NULL`;
const REVOKE_OTHER = `
INSERT INTO token_revocations (jti, revoked_by, expires_at) VALUES ($1, $2, to_timestamp($3)) ON CONFLICT DO NOTHING RETURNING jti`;
