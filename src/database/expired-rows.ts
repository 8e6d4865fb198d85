import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Milliseconds. */
const INTERVAL = 10 * 60_000;
const BATCH = 1_000;

/**
 * Deletes rows some time after their `expires_at`. What has expired is worth nothing to anybody, so that its going leaves no event. The rooms say
 * which of their tables there is nothing else to do with.
 */
@Injectable()
export class ExpiredRows implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ExpiredRows.name);
  private readonly tables = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly dataSource: DataSource) {}

  /** @param after how long after it expired a row may go, as an SQL interval */
  deleteFrom(table: string, after: string): void {
    this.tables.set(table, after);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.sweepAll(), INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * In batches, so that no statement runs long; instances that sweep at once skip each other's rows.
   *
   * @returns how many rows went
   */
  async sweep(table: string): Promise<number> {
    const after = this.tables.get(table);
    if (after === undefined) throw new Error(`nobody has expired rows deleted from ${table}`);
    let deleted = 0;
    for (;;) {
      const [, count] = await this.dataSource.query<[unknown[], number]>(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE expires_at < clock_timestamp() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))`,
        [after, BATCH],
      );
      deleted += count;
      if (count < BATCH) return deleted;
    }
  }

  private async sweepAll(): Promise<void> {
    for (const table of this.tables.keys()) {
      try {
        await this.sweep(table);
      } catch (error) {
        this.logger.warn(`expired rows of ${table} could not be deleted: ${String(error)}`);
      }
    }
  }
}
