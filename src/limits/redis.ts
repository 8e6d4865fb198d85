import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { Env } from '../../config/env.js';

/** Longest (ms) that a request waits for Redis, before it is counted in Postgres instead. */
const COMMAND_TIMEOUT = 250;
const LONGEST_PAUSE = 2_000;

/** The connection to Redis, where `REDIS_URL` names one. Whoever uses it must do without it at any moment. */
export class RedisConnection implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisConnection.name);
  private answering = true;

  private constructor(readonly client: Redis | null) {
    // Once for each outage, and without the message: it may name the address with its password.
    client?.on('error', (error: Error & { code?: string }) => {
      if (this.answering)
        this.logger.warn(`Redis does not answer (${error.code ?? error.name}); limits are counted in Postgres`);
      this.answering = false;
    });
    client?.on('ready', () => {
      if (!this.answering) this.logger.log('Redis answers again');
      this.answering = true;
    });
  }

  static async open({ redisUrl }: Env): Promise<RedisConnection> {
    if (redisUrl === null) return new RedisConnection(null);
    // Most have none, and need not load what speaks to one.
    const { Redis } = await import('ioredis');
    const client = new Redis(redisUrl, {
      commandTimeout: COMMAND_TIMEOUT,
      connectTimeout: LONGEST_PAUSE,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(LONGEST_PAUSE, 50 * attempt),
    });
    return new RedisConnection(client);
  }

  onApplicationShutdown(): void {
    this.client?.disconnect();
  }
}
