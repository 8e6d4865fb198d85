import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { ENV, type Env } from '../../config/env.js';
import { tooManyRequests } from '../common/problem.js';
import { Limiters } from './limiters.js';
import { rateLimitHeaders } from './rate-limit-headers.js';
import { siteOf } from './network.js';
import { RATE_LIMIT_POLICIES, type RateLimitName, type RateLimitPolicy } from './rate-limit-policies.js';

/** Counts requests against the policies. */
@Injectable()
export class RateLimits {
  private readonly limiters: ReadonlyMap<string, RateLimiterAbstract>;
  private readonly sites: ReadonlyMap<string, RateLimiterAbstract>;

  constructor(
    limiters: Limiters,
    @Inject(ENV) private readonly env: Env,
  ) {
    const policies: [string, RateLimitPolicy][] = Object.entries(RATE_LIMIT_POLICIES);
    const limiterOf = (kind: string, points: number, { seconds, counted }: RateLimitPolicy): RateLimiterAbstract =>
      // A flood is then refused from memory.
      limiters.of({ kind, points, seconds, counted, blockInMemoryFrom: points });
    this.limiters = new Map(policies.map(([name, policy]) => [name, limiterOf(name, policy.quota, policy)]));
    this.sites = new Map(
      policies.flatMap(([name, policy]) =>
        policy.siteFactor === undefined
          ? []
          : [[name, limiterOf(`${name}-of-site`, policy.quota * policy.siteFactor, policy)]],
      ),
    );
  }

  /**
   * Counts one request, and says in the answer what is left.
   *
   * @param key whose request it is: for limits per address, the network as by `networkOf`
   * @throws Problem 429
   */
  async admit(name: RateLimitName, key: string, reply: Pick<FastifyReply, 'headers'>): Promise<void> {
    if (!this.env.rateLimits) return;
    const { remainingPoints: remaining, msBeforeNext: msBeforeReset } = await this.consume(name, this.limiters, key);
    // After the network's own, which has then refused most of what one of them sends.
    const site = this.sites.has(name) ? siteOf(key) : null;
    if (site !== null) await this.consume(name, this.sites, site);
    void reply.headers(rateLimitHeaders(name, RATE_LIMIT_POLICIES[name], { remaining, msBeforeReset }));
  }

  private async consume(
    name: RateLimitName,
    limiters: ReadonlyMap<string, RateLimiterAbstract>,
    key: string,
  ): Promise<RateLimiterRes> {
    const limiter = limiters.get(name);
    if (!limiter) throw new Error(`There is no rate limit ${name}`);
    try {
      return await limiter.consume(key);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      const { msBeforeNext: msBeforeReset } = error;
      const headers = rateLimitHeaders(name, RATE_LIMIT_POLICIES[name], { remaining: 0, msBeforeReset });
      throw tooManyRequests(msBeforeReset / 1000, headers);
    }
  }
}
