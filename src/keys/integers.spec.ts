import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bitLength, integerOf, integerRoot, isSquare, primesBelow } from './integers.js';

const large = fc.bigInt({ min: 0n, max: 2n ** 4096n });

describe('integers', () => {
  it('have the largest root whose square is not above them', () => {
    fc.assert(
      fc.property(large, (n) => {
        const root = integerRoot(n);
        expect(root * root <= n && (root + 1n) * (root + 1n) > n).toBe(true);
      }),
    );
  });

  it('are squares or are not', () => {
    fc.assert(
      fc.property(large, (n) => {
        expect(isSquare(n * n)).toBe(true);
        expect(isSquare(n * n + 1n)).toBe(n === 0n);
      }),
    );
    expect(isSquare(-4n)).toBe(false);
  });

  it('are read from bytes, and are as long as their bits', () => {
    expect([integerOf(Buffer.alloc(0)), integerOf(Buffer.from([0, 1, 0]))]).toEqual([0n, 256n]);
    expect([0n, 1n, 255n, 256n, 2n ** 2047n].map(bitLength)).toEqual([0, 1, 8, 9, 2048]);
  });

  it('are prime below the limit', () => {
    expect(primesBelow(30)).toEqual([2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
    expect(primesBelow(2 ** 16)).toHaveLength(6542);
  });
});
