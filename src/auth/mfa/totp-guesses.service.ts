import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { inTransaction } from '../../database/transaction.js';
import { SecurityNotices } from '../../users/security-notices.js';
import { GUESS_CEILING, isHeard } from './guess-ceiling.js';

/**
 * Counts the guesses at the codes of a user's authenticator apps, which have one million values and no more. Locks by time slow guessing down; this ends
 * it. Recovery codes (120 bits) and passkeys need no such end, and are the way back in.
 */
@Injectable()
export class TotpGuesses {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** Counts a guess that is about to be checked, and commits that: whatever becomes of the check, it was one. @returns whether it may be */
  async count(userId: string): Promise<boolean> {
    const guesses = await inTransaction(this.dataSource, async (manager) => {
      const [rows] = await manager.query<[{ failures: number }[], number]>(
        'UPDATE totp_factors SET failures = failures + 1 WHERE user_id = $1 RETURNING failures',
        [userId],
      );
      return rows.map(({ failures }) => failures);
    });
    return guesses.every((guess) => isHeard(guess));
  }

  /** The user has proven a second factor: the guesses before it are forgotten, and what they had locked is open. */
  async forget(manager: EntityManager, userId: string): Promise<void> {
    await manager.query('UPDATE totp_factors SET failures = 0, locked_at = NULL WHERE user_id = $1 AND failures > 0', [
      userId,
    ]);
  }

  /** After a guess that failed: where it was the last, says so to the trail and to the owner. Once, also when somebody died before that. */
  async noteFailure(userId: string, actor: Actor): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      const [, count] = await manager.query<[unknown[], number]>(
        `UPDATE totp_factors SET locked_at = clock_timestamp() WHERE user_id = $1 AND failures >= $2 AND locked_at IS NULL`,
        [userId, GUESS_CEILING],
      );
      if (count === 0) return;
      await this.audit.record(manager, {
        action: 'factor.locked',
        outcome: 'denied',
        actor,
        target: { type: 'user', id: userId },
        details: { kind: 'totp', failures: GUESS_CEILING },
      });
      await this.notices.tell(manager, { notice: 'second-factor-locked', userId, actor });
    });
  }
}
