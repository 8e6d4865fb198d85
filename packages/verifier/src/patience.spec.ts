import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Patience } from './patience.js';

let patience: Patience;
let givenUp: boolean;

beforeEach(() => {
  jest.useFakeTimers();
  givenUp = false;
  const limits = { silenceMs: 100, longestMs: 1_000, monotonic: () => performance.now() };
  patience = new Patience(limits, () => {
    givenUp = true;
  });
});

afterEach(() => {
  patience.end();
  jest.useRealTimers();
});

/** Lets so many ms pass, and looks whether it was given up by then. */
function after(ms: number): boolean {
  jest.advanceTimersByTime(ms);
  return givenUp;
}

describe('Patience', () => {
  it('ends with the silence after the time that the source may wait', () => {
    patience.begin(500);
    expect(after(599)).toBe(false);
    expect(after(2)).toBe(true);
  });

  it('begins anew with each part that is heard, but not for ever', () => {
    patience.begin(0);
    for (let ms = 0; ms < 990; ms += 90) {
      expect(after(90)).toBe(false);
      patience.heard();
    }
    expect(after(15)).toBe(true);
  });

  it('waits as long as the source may, from the moment at which the question could be put', () => {
    patience.begin(500);
    expect(after(90)).toBe(false);
    patience.heard('question');
    expect(after(599)).toBe(false);
    expect(after(2)).toBe(true);
  });

  it('hears nothing more once it is over', () => {
    patience.begin(0);
    patience.end();
    patience.heard();
    expect(jest.getTimerCount()).toBe(0);
  });
});
