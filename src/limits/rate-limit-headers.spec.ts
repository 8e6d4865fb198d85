import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rateLimitHeaders } from './rate-limit-headers.js';

const policy = { quota: 60, seconds: 60 };

describe('rateLimitHeaders', () => {
  it('tells the quota and what is left of it', () => {
    expect(rateLimitHeaders('attempts', policy, { remaining: 12, msBeforeReset: 33_001 })).toEqual({
      'ratelimit-policy': '"attempts";q=60;w=60',
      ratelimit: '"attempts";r=12;t=34',
    });
  });

  it('never promises what is not there, nor a time that has passed', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.integer(), (remaining, msBeforeReset) => {
        const { ratelimit } = rateLimitHeaders('a', policy, { remaining, msBeforeReset });
        const [, r, t] = /^"a";r=(\d+);t=(\d+)$/.exec(ratelimit) ?? [];
        expect(Number(r)).toBeLessThanOrEqual(Math.max(0, Math.min(60, remaining)));
        expect(Number(t) * 1000).toBeGreaterThanOrEqual(msBeforeReset);
      }),
    );
  });
});
