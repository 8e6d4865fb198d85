import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GUESS_CEILING, isClosed, isHeard } from './guess-ceiling.js';

describe('guesses at a code', () => {
  it('are heard a hundred times in a row, as NIST SP 800-63B-4 has it', () => {
    expect([isHeard(1), isHeard(GUESS_CEILING), isHeard(GUESS_CEILING + 1)]).toEqual([true, true, false]);
    expect([isClosed(0), isClosed(99), isClosed(100)]).toEqual([false, false, true]);
  });

  it('are never heard more often between two successes, in whatever order they are counted and checked', () => {
    const steps = fc.array(fc.constantFrom('count', 'check wrong', 'check right'), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (order, ceiling) => {
        let counted = 0;
        // Wrong ones that were heard, by the success after which they were counted.
        let wrong = { heard: 0 };
        const underWay: { guess: number; since: typeof wrong }[] = [];
        for (const step of order) {
          if (step === 'count') underWay.push({ guess: ++counted, since: wrong });
          const checked = step === 'count' ? undefined : underWay.shift();
          if (!checked || !isHeard(checked.guess, ceiling)) continue;
          if (step === 'check right') [counted, wrong] = [0, { heard: 0 }];
          else expect(++checked.since.heard).toBeLessThanOrEqual(ceiling);
        }
        expect(isClosed(counted, ceiling)).toBe(counted >= ceiling);
      }),
    );
  });
});
