import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { decodeCursor, pageOf, type PageQuery } from '../common/pagination.js';
import type { SubscriberDto, SubscriberPageDto } from './feed.dto.js';

/** Milliseconds between two writes of what this instance saw. */
const INTERVAL = 5_000;
/** Most subscribers that one write names; of more, those seen first. */
const MOST = 10_000;

interface Seen {
  clientId: string;
  subscriber: string;
  position: number;
}

/** Who follows the window, through whichever instance: noted in memory with each question, written every few seconds in one statement. */
@Injectable()
export class SubscribersService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SubscribersService.name);
  private seenSince = new Map<string, Seen>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.write().catch((error: unknown) => {
        this.logger.warn(`the subscribers could not be noted: ${String(error)}`);
      });
    }, INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  seen(clientId: string, subscriber: string, position: number): void {
    const key = `${clientId} ${subscriber}`;
    if (this.seenSince.size < MOST || this.seenSince.has(key))
      this.seenSince.set(key, { clientId, subscriber, position });
  }

  /** Sorted by key, so that two instances that write the same rows never wait for each other in a circle. */
  async write(): Promise<void> {
    if (this.seenSince.size === 0) return;
    const seen = [...this.seenSince.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
    this.seenSince = new Map();
    await this.dataSource.query(
      `INSERT INTO validity_subscribers AS s (client_id, subscriber, position)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
       ON CONFLICT (client_id, subscriber) DO UPDATE SET position = excluded.position, last_seen_at = clock_timestamp()`,
      [seen.map((row) => row.clientId), seen.map((row) => row.subscriber), seen.map((row) => row.position)],
    );
    await this.dataSource.query(
      `DELETE FROM validity_subscribers WHERE (client_id, subscriber) IN (
         SELECT client_id, subscriber FROM validity_subscribers WHERE last_seen_at < clock_timestamp() - interval '1 day'
         LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
    );
  }

  async list({ limit, cursor }: PageQuery): Promise<SubscriberPageDto> {
    const [clientId = '', subscriber = ''] = (decodeCursor(cursor, /^[^ ]+ [A-Za-z0-9._:-]+$/) ?? '').split(' ');
    const rows = await this.dataSource.query<(Omit<SubscriberDto, 'lastSeenAt'> & { lastSeenAt: Date })[]>(
      `SELECT client_id AS "clientId", subscriber, position::float8 AS position, last_seen_at AS "lastSeenAt",
         (SELECT count(*) FROM validity_events e WHERE e.seq > s.position)::integer AS behind
       FROM validity_subscribers s WHERE (client_id, subscriber) > ($1, $2) ORDER BY client_id, subscriber LIMIT $3`,
      [clientId, subscriber, limit + 1],
    );
    const { items, nextCursor } = pageOf(rows, limit, (row) => `${row.clientId} ${row.subscriber}`);
    return { items: items.map((row) => ({ ...row, lastSeenAt: row.lastSeenAt.toISOString() })), nextCursor };
  }
}
