import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideRefresh, type RefreshState } from './refresh-rotation.js';

const at = (seconds: number): Date => new Date(seconds * 1000);

describe('the refresh decision', () => {
  const state: RefreshState = { generation: 3, uses: [at(90), at(95), at(100)] };

  it.each([
    [3, 100, 10, 'rotate'],
    [3, 1e6, 10, 'rotate'],
    [2, 100, 10, 'repeat'],
    [2, 110, 10, 'repeat'],
    [2, 110.001, 10, 'reuse'],
    [1, 105, 10, 'repeat'],
    [1, 105.001, 10, 'reuse'],
    [0, 100, 10, 'repeat'],
    [0, 101, 10, 'reuse'],
    [2, 100.001, 0, 'reuse'],
    [4, 100, 10, 'unknown'],
  ] as const)('generation %d at %d s with a grace of %d s: %s', (presented, now, grace, expected) => {
    expect(decideRefresh(presented, state, at(now), grace)).toBe(expected);
  });

  it('takes a use that is no longer remembered for one long ago', () => {
    expect(decideRefresh(0, { generation: 3, uses: [at(100)] }, at(100), 10)).toBe('reuse');
    expect(decideRefresh(0, { generation: 1, uses: [] }, at(100), 10)).toBe('reuse');
  });

  /** A session in which any earlier or the newest token may be presented at any time. */
  it('never rotates a used token, never lets one pass after its grace, and always gives a direct successor within it', () => {
    const steps = fc.array(fc.record({ wait: fc.nat({ max: 15_000 }), back: fc.nat({ max: 5 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.nat({ max: 12 }), (list, grace) => {
        let now = 0;
        let generation = 0;
        const uses: Date[] = [];
        for (const { wait, back } of list) {
          now += wait;
          const presented = Math.max(0, generation - back);
          const decision = decideRefresh(presented, { generation, uses }, new Date(now), grace);
          const usedAt = uses[presented];
          if (usedAt === undefined) expect(decision).toBe('rotate');
          else expect(decision).toBe(now - usedAt.getTime() <= grace * 1000 ? 'repeat' : 'reuse');
          if (decision === 'rotate') {
            uses.push(new Date(now));
            generation++;
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
