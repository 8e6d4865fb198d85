import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { LOGGER } from '../common/logging.js';
import type { Actor } from '../common/principal.js';
import { OncePerInterval } from './once-per-interval.js';

/** What was tried, and which permissions it would have taken. */
export interface DeniedAttempt {
  actor: Actor;
  target: { type: string; id: string };
  missing: readonly string[];
}

const INTERVAL = 60_000;
const REMEMBERED = 10_000;
const MOST_PENDING = 16;

/**
 * Every denied attempt is logged; the same one by the same subject enters the audit trail once a minute. The refusal does not wait for
 * that, and when many writes are pending already further ones are left out: whoever is refused must not be able to keep the database busy.
 */
@Injectable()
export class DeniedAttempts implements BeforeApplicationShutdown {
  private readonly recent = new OncePerInterval(INTERVAL, REMEMBERED);
  private readonly pending = new Set<Promise<void>>();

  constructor(
    private readonly audit: AuditService,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  note({ actor, target, missing }: DeniedAttempt): void {
    const facts = { actor: actor.id, actorType: actor.type, requestId: actor.requestId, target, missing };
    const overloaded = this.pending.size >= MOST_PENDING;
    this.logger.warn({ ...facts, ...(overloaded && { audited: false }) }, 'access denied');
    if (overloaded) return;
    const attempt = JSON.stringify([actor.type, actor.id, target, missing]);
    if (!this.recent.admits(attempt, this.clock.monotonic())) return;
    const write = this.audit
      .recordRefusal({ action: 'access.denied', outcome: 'denied', actor, target, details: { missing } })
      .catch((error: unknown) => this.logger.error({ ...facts, err: error }, 'a denied attempt could not be audited'))
      .finally(() => this.pending.delete(write));
    this.pending.add(write);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.pending);
  }
}
