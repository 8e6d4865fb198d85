import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../../config/env.js';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { inTransaction } from '../../database/transaction.js';
import type { DueMail } from '../../mail/mail-queue.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { MailWorker } from '../../mail/mail-worker.js';
import { MailWriters, type Letter } from '../../mail/mail-writers.js';
import { AccountHolders } from '../../users/account-holders.js';
import { GUESS_CEILING, isHeard } from './guess-ceiling.js';

const NOTICE = 'second-factor-locked';

/**
 * Counts the guesses at the codes of a user's authenticator apps, which have one million values and no more. Locks by time slow guessing down; this ends
 * it. Recovery codes (120 bits) and passkeys need no such end, and are the way back in.
 */
@Injectable()
export class TotpGuesses {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly holders: AccountHolders,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    private readonly audit: AuditService,
    writers: MailWriters,
  ) {
    writers.register(NOTICE, (manager, due) => this.write(manager, due));
  }

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
    const locked = await inTransaction(this.dataSource, async (manager) => {
      const [, count] = await manager.query<[unknown[], number]>(
        `UPDATE totp_factors SET locked_at = clock_timestamp() WHERE user_id = $1 AND failures >= $2 AND locked_at IS NULL`,
        [userId, GUESS_CEILING],
      );
      if (count === 0) return false;
      await this.audit.record(manager, {
        action: 'factor.locked',
        outcome: 'denied',
        actor,
        target: { type: 'user', id: userId },
        details: { kind: 'totp', failures: GUESS_CEILING },
      });
      await this.queue.offer(manager, { kind: NOTICE, about: { userId }, actor });
      return true;
    });
    if (locked) this.worker.wake();
  }

  private async write(manager: EntityManager, { userId }: DueMail): Promise<Letter | null> {
    const holder = userId === null ? null : await this.holders.byId(manager, userId);
    if (!holder?.active || holder.email === null) return null;
    const values = { username: holder.username, issuer: this.env.issuer };
    return { to: holder.email, userId: holder.id, template: NOTICE, values };
  }
}
