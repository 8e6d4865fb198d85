import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shareOf } from './shares.js';

describe('the shares of workers', () => {
  it('are the whole together, and differ by one at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 256 }), (total, workers) => {
        const shares = Array.from({ length: workers }, (_, worker) => shareOf(total, workers, worker));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        if (total >= workers) expect(Math.min(...shares)).toBeGreaterThan(0);
      }),
    );
  });
});
