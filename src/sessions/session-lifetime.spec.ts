import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lifetimesOf, timesAfterUse, timesAtStart } from './session-lifetime.js';

const SECOND = 1000;

describe('the lifetime of a session', () => {
  it.each([
    [
      { refreshTokenTtl: 100, sessionIdleTtl: null, sessionMaxTtl: null },
      { idle: 100, max: null },
    ],
    [
      { refreshTokenTtl: 100, sessionIdleTtl: 30, sessionMaxTtl: 50 },
      { idle: 30, max: 50 },
    ],
    [
      { refreshTokenTtl: 100, sessionIdleTtl: 300, sessionMaxTtl: 50 },
      { idle: 100, max: 50 },
    ],
  ])('follows from the configuration %j', (env, expected) => {
    expect(lifetimesOf(env)).toEqual(expected);
  });

  it('gives a session of the version before its end at the next use, without an ending', () => {
    const before = { expiresAt: 500 * SECOND, endsAt: null };
    const rules = { idle: 30, max: 100 };
    expect(timesAfterUse(400 * SECOND, 0, before, rules)).toEqual({ expiresAt: 500 * SECOND, endsAt: 100 * SECOND });
  });

  it('never passes the end that it began with, ends when it is idle, and takes nothing back', () => {
    const ttl = fc.integer({ min: 1, max: 10_000 });
    const lifetimes = fc.record({ idle: ttl, max: fc.option(ttl) });
    const uses = fc.array(fc.record({ wait: fc.nat({ max: 4_000 }), lifetimes }), { maxLength: 30 });
    fc.assert(
      fc.property(lifetimes, uses, (first, list) => {
        let now = 0;
        let times = timesAtStart(now, first);
        for (const { wait, lifetimes: rules } of list) {
          now += wait * SECOND;
          if (now >= times.expiresAt) return;
          const next = timesAfterUse(now, 0, times, rules);
          expect(next.expiresAt).toBeGreaterThanOrEqual(times.expiresAt);
          if (times.endsAt !== null) expect(next.endsAt).toBe(times.endsAt);
          if (first.max !== null) expect(next.expiresAt).toBeLessThanOrEqual(first.max * SECOND);
          expect(next.expiresAt).toBeLessThanOrEqual(Math.max(times.expiresAt, now + rules.idle * SECOND));
          times = next;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
