import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Logger } from '@nestjs/common';

const INTERVAL = 10 * 60_000;
const BATCH = 1_000;

/** Deletes sessions a day after they ended by themselves. What expired leaves no event: its tokens expired with it. */
@Injectable()
export class SessionSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SessionSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweep().catch((error: unknown) => {
        this.logger.warn(`expired sessions could not be deleted: ${String(error)}`);
      });
    }, INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** In batches, so that no statement runs long; instances that sweep at once skip each other's rows. */
  async sweep(): Promise<number> {
    let deleted = 0;
    for (;;) {
      const [, count] = await this.dataSource.query<[unknown[], number]>(
        `DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE expires_at < clock_timestamp() - interval '1 day' LIMIT $1 FOR UPDATE SKIP LOCKED)`,
        [BATCH],
      );
      deleted += count;
      if (count < BATCH) return deleted;
    }
  }
}
