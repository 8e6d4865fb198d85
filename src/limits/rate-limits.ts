import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { ENV, type Env } from '../../config/env.js';
import { tooManyRequests } from '../common/problem.js';
import { Limiters } from './limiters.js';
import { rateLimitHeaders } from './rate-limit-headers.js';
import { RATE_LIMIT_POLICIES, type RateLimitName } from './rate-limit-policies.js';

/** Counts requests against the policies. */
@Injectable()
export class RateLimits {
  private readonly limiters: ReadonlyMap<string, RateLimiterAbstract>;

  constructor(
    limiters: Limiters,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.limiters = new Map(
      Object.entries(RATE_LIMIT_POLICIES).map(([kind, { quota, seconds, counted }]) => [
        kind,
        // A flood is then refused from memory.
        limiters.of({ kind, points: quota, seconds, counted, blockInMemoryFrom: quota }),
      ]),
    );
  }

  /**
   * Counts one request, and says in the answer what is left.
   *
   * @param key whose request it is
   * @throws Problem 429
   */
  async admit(name: RateLimitName, key: string, reply: Pick<FastifyReply, 'headers'>): Promise<void> {
    if (!this.env.rateLimits) return;
    const result = await this.consume(name, key);
    const { remainingPoints: remaining, msBeforeNext: msBeforeReset } = result.state;
    const headers = rateLimitHeaders(name, RATE_LIMIT_POLICIES[name], { remaining, msBeforeReset });
    if (!result.admitted) throw tooManyRequests(msBeforeReset / 1000, headers);
    void reply.headers(headers);
  }

  private async consume(name: RateLimitName, key: string): Promise<{ admitted: boolean; state: RateLimiterRes }> {
    const limiter = this.limiters.get(name);
    if (!limiter) throw new Error(`There is no rate limit ${name}`);
    try {
      return { admitted: true, state: await limiter.consume(key) };
    } catch (error) {
      if (error instanceof RateLimiterRes) return { admitted: false, state: error };
      throw error;
    }
  }
}
