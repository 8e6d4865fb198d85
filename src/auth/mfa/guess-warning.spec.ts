import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isWarnedOf } from './guess-warning.js';

const guesses = Array.from({ length: 1_000 }, (_, n) => n + 1);

describe('the owner of an account', () => {
  it('is warned of the tenth wrong second factor, and whenever there are twice as many', () => {
    expect(guesses.filter((guess) => isWarnedOf(guess))).toEqual([10, 20, 40, 80, 160, 320, 640]);
  });

  it('is warned by the first number, and again before twice as many and one, whatever that number is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 500 }), (first, from) => {
        expect(guesses.find((guess) => isWarnedOf(guess, first))).toBe(first);
        const [before, after] = [Math.max(from, first), 2 * Math.max(from, first)];
        expect(guesses.some((guess) => guess >= before && guess <= after && isWarnedOf(guess, first))).toBe(true);
      }),
    );
  });
});
