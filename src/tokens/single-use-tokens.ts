import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { randomSecret, sha256 } from '../common/secrets.js';

/** What a token that may be used once is issued for. */
export interface SingleUse {
  /** It works for this purpose and for no other. */
  purpose: string;
  userId: string;
  /** That of the credentials at the moment: once they change, or the user is disabled, the token is worth nothing. */
  sessionEpoch: string;
  /** What whoever redeems it is to know. No secrets. */
  details?: Record<string, unknown>;
  ttlSeconds: number;
}

export interface Redeemed {
  userId: string;
  /** The credentials under which it was issued, which are those of the moment. */
  sessionEpoch: string;
  details: Record<string, unknown>;
}

const PREFIX = 'psu_';
const SHAPE = /^psu_[A-Za-z0-9_-]{43}$/;

/**
 * Tokens that prove one thing once: that a mail arrived, for example. To their holders they are opaque: 256 random bits, of which the database
 * knows the SHA-256 alone. They never pass for another kind of token, nor another kind for one of them.
 */
@Injectable()
export class SingleUseTokens {
  /** The token, good once the transaction commits. An earlier one of the same user and purpose is worth nothing any more. */
  async issue(
    manager: EntityManager,
    { purpose, userId, sessionEpoch, details = {}, ttlSeconds }: SingleUse,
  ): Promise<string> {
    const token = `${PREFIX}${randomSecret()}`;
    await manager.query(
      `INSERT INTO single_use_tokens (hash, purpose, user_id, session_epoch, details, expires_at)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
       ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, session_epoch = excluded.session_epoch,
         details = excluded.details, created_at = clock_timestamp(), expires_at = excluded.expires_at`,
      [sha256(token), purpose, userId, sessionEpoch, JSON.stringify(details), ttlSeconds],
    );
    return token;
  }

  /** What `consume` would return at this moment; the token stays as good as it is. For work that takes long and comes before the transaction. */
  async read(manager: EntityManager, purpose: string, token: string): Promise<Redeemed | null> {
    if (!SHAPE.test(token)) return null;
    const [found] = await manager.query<Redeemed[]>(
      `SELECT t.user_id AS "userId", t.session_epoch AS "sessionEpoch", t.details FROM single_use_tokens t
       JOIN users u ON u.id = t.user_id AND u.session_epoch = t.session_epoch AND u.status = 'active'
       WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at > clock_timestamp()`,
      [sha256(token), purpose],
    );
    return found ?? null;
  }

  /**
   * Uses a token up, together with whatever the transaction does: if that is rolled back, the token is as good as before. Of several who use it at
   * once, the others wait for the first, and then find it gone. Null for a token that is not, or not any more, good for this purpose.
   */
  async consume(manager: EntityManager, purpose: string, token: string): Promise<Redeemed | null> {
    if (!SHAPE.test(token)) return null;
    const [rows] = await manager.query<[Redeemed[], number]>(
      `DELETE FROM single_use_tokens t USING users u
       WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at > clock_timestamp()
         AND u.id = t.user_id AND u.session_epoch = t.session_epoch AND u.status = 'active'
       RETURNING t.user_id AS "userId", t.session_epoch AS "sessionEpoch", t.details`,
      [sha256(token), purpose],
    );
    return rows[0] ?? null;
  }
}
