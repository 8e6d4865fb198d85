import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

const INTERVAL = 10 * 60_000;
const BATCH = 1_000;

/** The tables that this room keeps a row per token in. */
const TABLES = ['generated_tokens', 'single_use_tokens', 'token_revocations'] as const;

/** Deletes the records of tokens a day after these expired. It leaves no event: nothing is ended that was still alive. */
@Injectable()
export class TokenSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(TokenSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweep().catch((error: unknown) => {
        this.logger.warn(`the records of expired tokens could not be deleted: ${String(error)}`);
      });
    }, INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async sweep(): Promise<number> {
    let deleted = 0;
    for (const table of TABLES) deleted += await this.sweepTable(table);
    return deleted;
  }

  /** In batches, so that no statement runs long; instances that sweep at once skip each other's rows. */
  private async sweepTable(table: (typeof TABLES)[number]): Promise<number> {
    let deleted = 0;
    for (;;) {
      const [, count] = await this.dataSource.query<[unknown[], number]>(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE expires_at < clock_timestamp() - interval '1 day' LIMIT $1 FOR UPDATE SKIP LOCKED))`,
        [BATCH],
      );
      deleted += count;
      if (count < BATCH) return deleted;
    }
  }
}
