import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { inTransaction } from '../../database/transaction.js';
import { SecurityNotices } from '../../users/security-notices.js';
import { LoginThrottle } from '../login-throttle.js';
import { FIRST_WARNING, isWarnedOf } from './guess-warning.js';

/**
 * Tells owners of accounts that somebody guesses at their second factor, who has proven the password: a new one ends it. What is right in between, which may be
 * the owner's, takes no guess back; so whoever guesses few times at each of the owner's logins is told of as well.
 */
@Injectable()
export class GuessWarnings {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly throttle: LoginThrottle,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
  ) {}

  /** After each guess that failed. @param locks whether it locks the second step, of which the owner hears in any case */
  async note(userId: string, actor: Actor, locks: boolean): Promise<void> {
    const failures = await this.throttle.countGuess(userId);
    const warns = isWarnedOf(failures) || (locks && failures < FIRST_WARNING);
    if (!warns && !locks) return;
    const target = { type: 'user', id: userId };
    await inTransaction(this.dataSource, async (manager) => {
      if (locks) await this.audit.record(manager, { action: 'account.locked', outcome: 'denied', actor, target });
      if (!warns) return;
      await this.audit.record(manager, {
        action: 'factor.guessed',
        outcome: 'failure',
        actor,
        target,
        details: { failures },
      });
      await this.notices.tell(manager, { notice: 'second-factor-guessed', userId, actor });
    });
  }
}
