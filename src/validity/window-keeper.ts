import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { StaleWindowError, WindowFollower } from '@portcullis/verifier';
import type { DataSource, EntityManager } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { Metrics } from '../common/metrics.js';
import { inTransaction } from '../database/transaction.js';
import { nextRetention, type Retention } from './retention.js';

const INTERVAL = 60_000;
/** For how long (ms) a start waits for the window, and how long it rests between two attempts. */
const LONGEST_LOAD = 60_000;
const RETRY = 100;
/** Deleted by one transaction, which keeps everyone who ends tokens waiting: about 50 ms. */
const BATCH = 5_000;

interface ClockRow {
  keep: number;
  keepHeldUntil: Date;
  keepAccess: number;
  keepAccessHeldUntil: Date;
  now: Date;
}

/** Keeps the window in the database as long as it must be, and no longer. */
@Injectable()
export class WindowKeeper implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(WindowKeeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Env,
    private readonly follower: WindowFollower,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'portcullis_validity_window_events',
      'Events in the validity window, as this instance holds it',
      () => follower.window.size,
    );
  }

  /** Before the first token is minted, events are kept for as long as it will live; before the first is judged, the window is loaded. */
  async onModuleInit(): Promise<void> {
    await this.tend();
    await this.load();
    this.timer = setInterval(() => {
      this.tend().catch((error: unknown) => {
        this.logger.warn(`the validity window could not be trimmed: ${String(error)}`);
      });
    }, INTERVAL).unref();
  }

  /** A large window takes longer than the follower keeps anyone waiting. It goes on loading meanwhile: who asks again waits for the same. */
  private async load(): Promise<void> {
    const { follower } = this;
    const giveUpAt = follower.monotonic() + LONGEST_LOAD;
    for (;;) {
      try {
        await follower.freshSince(follower.monotonic());
        return;
      } catch (error) {
        if (!(error instanceof StaleWindowError) || follower.monotonic() > giveUpAt) throw error;
        this.logger.warn(`the validity window is not loaded yet: ${error.message}`);
        await setTimeout(RETRY);
      }
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.follower.stop();
  }

  /**
   * Raises or lowers `keep`, then deletes what expired ten minutes ago. The clock's row is locked first, as by everyone who records an event: no
   * deadlock, and no event appears between the deletion and the floor that tells of it.
   */
  async tend(): Promise<number> {
    let trimmed = 0;
    for (;;) {
      const batch = await inTransaction(this.dataSource, async (manager) => {
        await this.hold(manager);
        return this.trim(manager);
      });
      trimmed += batch;
      if (batch < BATCH) return trimmed;
    }
  }

  private async hold(manager: EntityManager): Promise<void> {
    const [clock] = await manager.query<ClockRow[]>(
      `SELECT extract(epoch FROM keep)::float8 AS keep, keep_held_until AS "keepHeldUntil", extract(epoch FROM keep_access)::float8 AS "keepAccess",
         keep_access_held_until AS "keepAccessHeldUntil", clock_timestamp() AS now FROM validity_clock FOR UPDATE`,
    );
    if (!clock) throw new Error('the validity clock is missing');
    const { now } = clock;
    const { accessTokenTtl, maxTokenTtl } = this.env;
    const stored: Retention = { keepSeconds: clock.keep, heldUntil: clock.keepHeldUntil };
    const storedAccess: Retention = { keepSeconds: clock.keepAccess, heldUntil: clock.keepAccessHeldUntil };
    const next = nextRetention(stored, Math.max(accessTokenTtl, maxTokenTtl), now);
    const nextAccess = nextRetention(storedAccess, accessTokenTtl, now);
    await manager.query(
      `UPDATE validity_clock SET keep = make_interval(secs => $1), keep_held_until = $2, keep_access = make_interval(secs => $3),
         keep_access_held_until = $4`,
      [next.keepSeconds, next.heldUntil, nextAccess.keepSeconds, nextAccess.heldUntil],
    );
  }

  /**
   * Events about sessions and single tokens do not move the floor: what they concern has expired by itself, while a token that is older than
   * any other event trimmed can no longer be judged.
   */
  private async trim(manager: EntityManager): Promise<number> {
    const [row] = await manager.query<{ trimmed: number }[]>(
      `WITH gone AS (
         DELETE FROM validity_events WHERE (kind, key) IN (
           SELECT kind, key FROM validity_events WHERE expires_at < clock_timestamp() - interval '10 minutes' LIMIT $1)
         RETURNING kind, seq
       ), moved AS (
         UPDATE validity_clock SET floor = greatest(floor, (SELECT max(seq) FROM gone WHERE kind NOT IN ('session', 'token')))
         WHERE EXISTS (SELECT FROM gone)
       ), endings AS (
         DELETE FROM session_endings WHERE at < clock_timestamp() - interval '400 days'
       )
       SELECT count(*)::integer AS trimmed FROM gone`,
      [BATCH],
    );
    return row?.trimmed ?? 0;
  }
}
