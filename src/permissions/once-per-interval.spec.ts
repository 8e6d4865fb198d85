import { describe, expect, it } from '@jest/globals';
import { OncePerInterval } from './once-per-interval.js';

describe('OncePerInterval', () => {
  it('admits a key again only when the interval is over', () => {
    const once = new OncePerInterval(1000, 10);
    expect([0, 1, 999, 1000, 1500, 2000].map((now) => once.admits('a', now))).toEqual([
      true,
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  it('tells keys apart', () => {
    const once = new OncePerInterval(1000, 10);
    expect([once.admits('a', 0), once.admits('b', 0), once.admits('a', 0)]).toEqual([true, true, false]);
  });

  it('forgets the key admitted longest ago when there are too many', () => {
    const once = new OncePerInterval(1000, 2);
    for (const key of ['a', 'b', 'c']) once.admits(key, 0);
    expect([once.admits('b', 1), once.admits('c', 1), once.admits('a', 1)]).toEqual([false, false, true]);
  });
});
