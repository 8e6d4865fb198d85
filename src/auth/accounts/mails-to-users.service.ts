import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { Actor } from '../../common/principal.js';
import { conflict } from '../../common/problem.js';
import { inTransaction } from '../../database/transaction.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { MailWorker } from '../../mail/mail-worker.js';
import { AccountHolders, type AccountHolder } from '../../users/account-holders.js';
import type { PasswordLink } from './password-links.service.js';

const ACTIONS = { 'password-reset': 'user.password_reset_mailed', invitation: 'user.invited' } as const;

/** Mails that administrators have sent to users. */
@Injectable()
export class MailsToUsers {
  constructor(
    private readonly dataSource: DataSource,
    private readonly holders: AccountHolders,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    private readonly audit: AuditService,
  ) {}

  /** @throws Problem 403, 404, 409 `user_disabled`, `no_email` or `has_password`, 503 */
  async send(link: PasswordLink, actor: Actor, userId: string): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      requireReachable(await this.holders.requireMayTouch(manager, actor, userId), link);
      await this.queue.add(manager, { kind: link, about: { userId }, actor });
      await this.audit.record(manager, { action: ACTIONS[link], actor, target: { type: 'user', id: userId } });
    });
    this.worker.wake();
  }
}

function requireReachable({ active, email, hasPassword }: AccountHolder, link: PasswordLink): void {
  if (!active) throw conflict('user_disabled', 'The user is disabled. Enable them first.');
  if (email === null) throw conflict('no_email', 'The user has no e-mail address.');
  if (link === 'invitation' && hasPassword)
    throw conflict('has_password', 'The user has a password already; a new one is set by a reset.');
}
