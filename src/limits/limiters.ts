import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
  type IRateLimiterPostgresOptions,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import type { RateLimitPolicy } from './rate-limit-policies.js';
import { RedisConnection } from './redis.js';

export interface Counting {
  /** The kind of what is counted; keys of different kinds never meet. */
  kind: string;
  points: number;
  seconds: number;
  counted: RateLimitPolicy['counted'];
  /** From so many points on refuse from memory, without asking who counts. */
  blockInMemoryFrom?: number;
}

/**
 * Makes what counts: in Redis where there is one, else in Postgres or in the memory of the process, as `counted` says. While Redis does not answer,
 * what is shared is counted in Postgres, from zero: a limit may then be had twice, and no lock is lifted by waiting for it.
 */
@Injectable()
export class Limiters {
  private readonly store: Pick<IRateLimiterPostgresOptions, 'storeClient' | 'storeType' | 'tableName' | 'tableCreated'>;

  constructor(
    @InjectDataSource() dataSource: DataSource,
    @Inject(ENV) env: Env,
    private readonly redis: RedisConnection,
  ) {
    const { master } = dataSource.driver as unknown as { master: Pool };
    const storeClient = env.databasePrepared ? master : withoutNames(master);
    this.store = { storeClient, storeType: 'pool', tableName: 'rate_limits', tableCreated: true };
  }

  of({ kind, points, seconds, counted, blockInMemoryFrom }: Counting): RateLimiterAbstract {
    const limits = { keyPrefix: kind, points, duration: seconds };
    const block = blockInMemoryFrom === undefined ? {} : { inMemoryBlockOnConsumed: blockInMemoryFrom };
    const without = (): RateLimiterAbstract =>
      counted === 'shared'
        ? new RateLimiterPostgres({ ...this.store, ...limits, ...block })
        : new RateLimiterMemory(limits);
    const { client } = this.redis;
    if (counted === 'by each' || client === null) return without();
    return new RateLimiterRedis({
      ...limits,
      ...block,
      keyPrefix: `portcullis:${kind}`,
      storeClient: client,
      rejectIfRedisNotReady: true,
      insuranceLimiter: without(),
    });
  }
}

/** The limiter names its statements, which poolers may not keep. */
function withoutNames(pool: Pool): Pick<Pool, 'query'> {
  const query = ({ text, values }: { text: string; values: unknown[] }): Promise<unknown> => pool.query(text, values);
  return { query: query as Pool['query'] };
}
