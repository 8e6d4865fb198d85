import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

const INTERVAL = 10 * 60_000;
const BATCH = 1_000;

/** What has expired, by table. A little later than it did: clocks differ, and an assertion that is forgotten could be used again. */
const EXPIRED = {
  client_secrets: `expires_at < clock_timestamp() - interval '1 day'`,
  used_assertions: `expires_at < clock_timestamp() - interval '10 minutes'`,
};

/** Deletes secrets and used assertions that expired. That changes nothing for anybody, and leaves no event. */
@Injectable()
export class ClientSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ClientSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweep().catch((error: unknown) => {
        this.logger.warn(`expired secrets and assertions of clients could not be deleted: ${String(error)}`);
      });
    }, INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** In batches, so that no statement runs long; instances that sweep at once skip each other's rows. */
  async sweep(): Promise<number> {
    let deleted = 0;
    for (const [table, expired] of Object.entries(EXPIRED)) {
      for (let count = BATCH; count === BATCH; deleted += count) {
        [, count] = await this.dataSource.query<[unknown[], number]>(
          `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM ${table} WHERE ${expired} LIMIT $1 FOR UPDATE SKIP LOCKED))`,
          [BATCH],
        );
      }
    }
    return deleted;
  }
}
