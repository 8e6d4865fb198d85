import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { costMissing } from './hash-cost.js';

const cost = fc.record({
  memoryKib: fc.integer({ min: 8, max: 2 ** 20 }),
  iterations: fc.integer({ min: 1, max: 10 }),
});
const work = ({ memoryKib, iterations }: { memoryKib: number; iterations: number }) => memoryKib * iterations;

describe('the cost that a hash lacks', () => {
  it.each([
    [{ memoryKib: 19_456, iterations: 2 }, null],
    [{ memoryKib: 65_536, iterations: 3 }, null],
    [
      { memoryKib: 19_456, iterations: 1 },
      { memoryKib: 19_456, iterations: 1 },
    ],
    [
      { memoryKib: 9_728, iterations: 1 },
      { memoryKib: 14_592, iterations: 2 },
    ],
  ])('of %j is %j, where 19 MiB are to be written twice', (made, missing) => {
    expect(costMissing(made, { memoryKib: 19_456, iterations: 2 })).toEqual(missing);
  });

  it('makes up for the difference, in no more memory', () => {
    fc.assert(
      fc.property(cost, cost, (made, wanted) => {
        const missing = costMissing(made, wanted);
        const difference = work(wanted) - work(made);
        if (missing === null) {
          expect(difference).toBeLessThan(8);
          return;
        }
        expect(Math.abs(work(missing) - difference)).toBeLessThanOrEqual(missing.iterations);
        expect(missing.memoryKib).toBeLessThanOrEqual(Math.max(8, wanted.memoryKib));
        expect(missing.iterations).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
