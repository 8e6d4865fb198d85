import { describe, expect, it } from '@jest/globals';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Env } from '../../config/env.js';
import type { Limiters } from './limiters.js';
import { networkOf } from './network.js';
import { RATE_LIMIT_POLICIES, type RateLimitName } from './rate-limit-policies.js';
import { RateLimits } from './rate-limits.js';

const { quota, siteFactor } = RATE_LIMIT_POLICIES.attempts;

/** How many of so many requests are admitted, each from the address that its number leads to. */
async function admitted(
  name: RateLimitName,
  requests: number,
  addressOf: (n: number) => string,
  limits: RateLimits,
): Promise<number> {
  let count = 0;
  for (let n = 0; n < requests; n++) {
    const admission = limits.admit(name, networkOf(addressOf(n)), { headers: () => undefined as never });
    count += await admission.then(
      () => 1,
      () => 0,
    );
  }
  return count;
}

function fresh(): RateLimits {
  const inMemory = {
    of: ({ kind, points, seconds }: { kind: string; points: number; seconds: number }) =>
      new RateLimiterMemory({ keyPrefix: kind, points, duration: seconds }),
  };
  return new RateLimits(inMemory as unknown as Limiters, { rateLimits: true } as Env);
}

describe('RateLimits', () => {
  it('lets the networks of one IPv6 site have so many times the quota of one of them, and other sites their own', async () => {
    const limits = fresh();
    const everyNetwork = (n: number) => `2001:db8:1:${n.toString(16)}::1`;
    expect(await admitted('attempts', 3_000, everyNetwork, limits)).toBe(quota * siteFactor);
    expect(await admitted('attempts', 3, (n) => `2001:db8:2:${n}::1`, limits)).toBe(3);
    expect(await admitted('attempts', 3, (n) => `192.0.2.${n}`, limits)).toBe(3);
  });

  it('lets one network use up no more of its site than its own quota', async () => {
    const limits = fresh();
    expect(await admitted('attempts', 3_000, (n) => `2001:db8:1:1::${n.toString(16)}`, limits)).toBe(quota);
    expect(await admitted('attempts', 10, (n) => `2001:db8:1:2::${n}`, limits)).toBe(10);
  });

  it('counts no site of IPv4, nor where nothing can be guessed', async () => {
    const limits = fresh();
    const many = quota * siteFactor + 100;
    const everyAddress = (n: number) => `198.51.${n >> 8}.${n & 255}`;
    expect(await admitted('attempts', many, everyAddress, limits)).toBe(many);
    expect(await admitted('refresh', 2_000, (n) => `2001:db8:1:${n.toString(16)}::1`, limits)).toBe(2_000);
  });
});
