import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { timesAfterUse, timesAtStart } from './session-times.js';

const SECOND = 1000;

describe('the times of a session', () => {
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
