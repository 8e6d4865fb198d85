import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import type { Actor } from '../common/principal.js';
import { MailQueue, type DueMail } from '../mail/mail-queue.js';
import { MailWorker } from '../mail/mail-worker.js';
import { MailWriters, type Letter } from '../mail/mail-writers.js';
import { NOTICE_TEMPLATES, type Notice } from '../mail/notice-templates.js';
import { AccountHolders } from './account-holders.js';

/** Something that was done to an account, and by whom. */
export interface Occurrence {
  notice: Notice;
  userId: string;
  actor: Actor;
  /** The address before the change, where that is what changes; else the present one. */
  to?: string | null;
}

/** Tells people what was done to their accounts, at the address that these had at that moment: whoever did it may give the account another one. */
@Injectable()
export class SecurityNotices {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly holders: AccountHolders,
    private readonly queue: MailQueue,
    private readonly worker: MailWorker,
    writers: MailWriters,
  ) {
    for (const notice of Object.keys(NOTICE_TEMPLATES) as Notice[])
      writers.register(notice, (manager, due) => this.write(notice, manager, due));
  }

  /** In the transaction of what is told. Who has no address is told nothing. */
  async tell(manager: EntityManager, { notice, userId, actor, to: before }: Occurrence): Promise<void> {
    const to = before === undefined ? await this.holders.addressOf(manager, userId) : before;
    if (to === null) return;
    await this.queue.addNotice(manager, { kind: notice, userId, to, actor });
    // Should the commit take longer than the worker waits, the mail is noticed when it looks next.
    this.worker.wake();
  }

  private async write(notice: Notice, manager: EntityManager, due: DueMail): Promise<Letter | null> {
    const holder = due.userId === null ? null : await this.holders.byId(manager, due.userId);
    const to = due.details['to'] ?? holder?.email;
    if (!holder || typeof to !== 'string') return null;
    const when = `${due.requestedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    const address = due.requestedBy.address ?? 'unknown';
    const values = { username: holder.username, issuer: this.env.issuer, when, address };
    return { to, userId: holder.id, template: notice, values };
  }
}
