import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MARGIN_SECONDS, nextRetention, type Retention } from './retention.js';

const at = (seconds: number): Date => new Date(seconds * 1000);

describe('how long events are kept', () => {
  it('is raised at once', () => {
    const stored: Retention = { keepSeconds: 300, heldUntil: at(5000) };
    expect(nextRetention(stored, 3600, at(1000))).toEqual({
      keepSeconds: 3600,
      heldUntil: at(1000 + 3600 + MARGIN_SECONDS),
    });
  });

  it('is held while it is needed', () => {
    const stored: Retention = { keepSeconds: 300, heldUntil: at(1000) };
    expect(nextRetention(stored, 300, at(2000))).toEqual({
      keepSeconds: 300,
      heldUntil: at(2000 + 300 + MARGIN_SECONDS),
    });
  });

  it('is lowered only when the old value has run out', () => {
    const stored: Retention = { keepSeconds: 3600, heldUntil: at(5000) };
    expect(nextRetention(stored, 300, at(4999))).toBe(stored);
    expect(nextRetention(stored, 300, at(5000))).toEqual({
      keepSeconds: 300,
      heldUntil: at(5000 + 300 + MARGIN_SECONDS),
    });
  });

  it('is always at least the lifetime of every token alive, whatever instances come and go', () => {
    const step = fc.record({
      wait: fc.nat({ max: 500 }),
      instance: fc.nat({ max: 2 }),
      lifetime: fc.integer({ min: 10, max: 4000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let now = 0;
        let stored: Retention = { keepSeconds: 0, heldUntil: at(0) };
        const running: (number | undefined)[] = [];
        const tokens: { expires: number; lifetime: number }[] = [];
        for (const { wait, instance, lifetime } of steps) {
          now += wait;
          // An instance restarts with another configuration; then each one running says what it needs, and mints.
          running[instance] = lifetime;
          for (const needed of running) {
            if (needed === undefined) continue;
            stored = nextRetention(stored, needed, at(now));
            tokens.push({ expires: now + needed, lifetime: needed });
          }
          for (const needed of running) if (needed !== undefined) stored = nextRetention(stored, needed, at(now));
          const alive = tokens.filter((token) => token.expires > now);
          expect(stored.keepSeconds).toBeGreaterThanOrEqual(Math.max(...alive.map((token) => token.lifetime)));
        }
      }),
    );
  });
});
