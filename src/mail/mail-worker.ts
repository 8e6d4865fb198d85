import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { AuditService } from '../audit/audit.service.js';
import { inTransaction } from '../database/transaction.js';
import { isSendable } from './mail-address.js';
import { MailQueue, type DueMail } from './mail-queue.js';
import { MOST_ATTEMPTS, describeFailure, isFinal } from './mail-retry.js';
import { MailTemplates } from './mail-templates.js';
import { MAIL_TRANSPORT, type MailTransport } from './mail-transport.js';
import { MailWriters, type Letter } from './mail-writers.js';

/** Milliseconds. What others asked for, or what is to be tried again, is noticed within that time. */
const POLL = 5_000;
/** Milliseconds. The answer has gone out by then: whether there was somebody to write to does not show in how long it took. */
const SETTLE = 50;
/** Mails that one instance sends at a time. */
const LANES = 3;

/**
 * Sends what waits in the `MailQueue`. Several instances share the work. No mail is lost when the process dies: it is sent again, with another token. The
 * mail server is asked outside of any transaction, and no request waits for it.
 */
@Injectable()
export class MailWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger(MailWorker.name);
  private readonly lanes = new Set<Promise<void>>();
  private poll: NodeJS.Timeout | undefined;
  private settling: NodeJS.Timeout | undefined;
  private state: 'waiting' | 'started' | 'stopped' = 'waiting';

  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly queue: MailQueue,
    private readonly writers: MailWriters,
    private readonly templates: MailTemplates,
    @Inject(MAIL_TRANSPORT) private readonly transport: MailTransport,
    private readonly audit: AuditService,
  ) {}

  /** For instances that serve. A command that uses the same rooms for a moment sends nothing. */
  start(): void {
    this.state = 'started';
    this.logger.log(`mails go ${this.transport.where}`);
    this.poll = setInterval(() => {
      this.look();
    }, POLL).unref();
    this.look();
  }

  /** After the commit of a transaction that has added to the queue. */
  wake(): void {
    this.settling ??= setTimeout(() => {
      this.settling = undefined;
      this.look();
    }, SETTLE).unref();
  }

  /** What is being sent has until the configured time to end; what waits does so in the database. */
  async beforeApplicationShutdown(): Promise<void> {
    this.state = 'stopped';
    clearInterval(this.poll);
    clearTimeout(this.settling);
    if (this.lanes.size === 0) return;
    const limit = new AbortController();
    const patience = delay(this.env.shutdownTimeoutMs, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.lanes), patience]);
    limit.abort();
  }

  private look(): void {
    if (this.state !== 'started' || this.lanes.size >= LANES) return;
    const lane = this.workOff().finally(() => this.lanes.delete(lane));
    this.lanes.add(lane);
  }

  /** Never rejects: what could not be done is tried again. */
  private async workOff(): Promise<void> {
    try {
      for (let due = await this.claim(); due !== null; due = await this.claim()) {
        // There may be more than one at a time can send.
        this.look();
        await this.process(due);
      }
    } catch (error) {
      if (this.state === 'started') this.logger.warn(`mails could not be looked after: ${String(error)}`);
    }
  }

  private async claim(): Promise<DueMail | null> {
    if (this.state !== 'started') return null;
    return inTransaction(this.dataSource, (manager) => this.queue.claim(manager, this.writers.kinds));
  }

  private async process(due: DueMail): Promise<void> {
    if (due.attempt > MOST_ATTEMPTS) return this.giveUp(due, due.userId);
    const letter = await this.write(due);
    if (letter === null) return;
    const { to, userId, template, values } = letter;
    if (!isSendable(to)) {
      // Nothing here is out of order; it is what somebody has written into the user's row.
      this.logger.warn(`a mail (${due.kind}) is not sent: its address is none that mail is sent to`);
      return this.finish(due, userId, 'mail.failed');
    }
    try {
      await this.transport.send({ to, ...this.templates.write(template, values) });
    } catch (error) {
      this.logger.warn(`a mail (${due.kind}), attempt ${due.attempt}: ${describeFailure(error)}`);
      if (isFinal(error)) await this.giveUp(due, userId);
      return;
    }
    await this.finish(due, userId, 'mail.sent');
  }

  /** Commits before the mail is sent: nobody receives a token that is not good yet. */
  private write(due: DueMail): Promise<Letter | null> {
    return inTransaction(this.dataSource, async (manager) => {
      const letter = await this.writers.write(manager, due);
      if (letter === null) await this.queue.remove(manager, due);
      return letter;
    });
  }

  private async giveUp(due: DueMail, userId: string | null): Promise<void> {
    this.logger.error(`a mail (${due.kind}) is given up after attempt ${due.attempt}`);
    await this.finish(due, userId, 'mail.failed');
  }

  private async finish(due: DueMail, userId: string | null, action: 'mail.sent' | 'mail.failed'): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      await this.queue.remove(manager, due);
      await this.audit.record(manager, {
        action,
        outcome: action === 'mail.sent' ? 'success' : 'failure',
        actor: due.requestedBy,
        ...(userId !== null && { target: { type: 'user', id: userId } }),
        details: { kind: due.kind, attempts: due.attempt },
      });
    });
  }
}
