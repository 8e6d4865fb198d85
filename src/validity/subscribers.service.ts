import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { decodeCursor, pageOf, type PageQuery } from '../common/pagination.js';
import type { SubscriberDto, SubscriberPageDto } from './feed.dto.js';
import { SeenSubscribers } from './seen-subscribers.js';

/** Milliseconds between two writes of what this instance saw. */
const INTERVAL = 5_000;
/** Most subscribers of one client that are known: it may choose their names as it likes. */
const MOST_OF_ONE_CLIENT = 2_000;
/** So far it is counted how many events one does not have yet. */
const MOST_BEHIND = 1_000;

/** Who follows the window, through whichever instance: noted in memory with each question, written every few seconds in one statement. */
@Injectable()
export class SubscribersService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SubscribersService.name);
  private readonly seenSince = new SeenSubscribers(MOST_OF_ONE_CLIENT);
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

  /** It has come to `position`: asked for what follows that, or was told so much. */
  seen(clientId: string, subscriber: string, position: number): void {
    this.seenSince.note({ clientId, subscriber, position });
  }

  async write(): Promise<void> {
    const seen = this.seenSince.take();
    if (seen.length === 0) return;
    await this.dataSource.query(
      `INSERT INTO validity_subscribers AS s (client_id, subscriber, position)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
       ON CONFLICT (client_id, subscriber) DO UPDATE SET position = excluded.position, last_seen_at = clock_timestamp()`,
      [seen.map((row) => row.clientId), seen.map((row) => row.subscriber), seen.map((row) => row.position)],
    );
    await this.forget([...new Set(seen.map((row) => row.clientId))]);
  }

  /** Who was not seen for a day, and of more than so many of one client those not seen for longest. Never waits for whoever notes one of them. */
  private async forget(clientIds: string[]): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM validity_subscribers WHERE (client_id, subscriber) IN (
         SELECT client_id, subscriber FROM validity_subscribers WHERE last_seen_at < clock_timestamp() - interval '1 day'
         LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
    );
    await this.dataSource.query(
      `DELETE FROM validity_subscribers d USING unnest($1::text[]) AS c (id), LATERAL (
         SELECT client_id, subscriber FROM validity_subscribers WHERE client_id = c.id
         ORDER BY last_seen_at DESC, subscriber OFFSET $2 LIMIT 10000 FOR UPDATE SKIP LOCKED) AS old
       WHERE (d.client_id, d.subscriber) = (old.client_id, old.subscriber)
         AND (SELECT count(*) FROM validity_subscribers n WHERE n.client_id = c.id) > $2`,
      [clientIds, MOST_OF_ONE_CLIENT],
    );
  }

  async list({ limit, cursor }: PageQuery): Promise<SubscriberPageDto> {
    const [clientId = '', subscriber = ''] = (decodeCursor(cursor, /^[^ ]+ [A-Za-z0-9._:-]+$/) ?? '').split(' ');
    const rows = await this.dataSource.query<(Omit<SubscriberDto, 'lastSeenAt'> & { lastSeenAt: Date })[]>(
      `SELECT client_id AS "clientId", subscriber, position::float8 AS position, last_seen_at AS "lastSeenAt",
         (SELECT count(*) FROM (SELECT FROM validity_events e WHERE e.seq > s.position LIMIT $4) n)::integer AS behind
       FROM validity_subscribers s WHERE (client_id, subscriber) > ($1, $2) ORDER BY client_id, subscriber LIMIT $3`,
      [clientId, subscriber, limit + 1, MOST_BEHIND],
    );
    const { items, nextCursor } = pageOf(rows, limit, (row) => `${row.clientId} ${row.subscriber}`);
    return { items: items.map((row) => ({ ...row, lastSeenAt: row.lastSeenAt.toISOString() })), nextCursor };
  }
}
