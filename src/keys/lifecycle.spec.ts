import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isKnown, isPublished, mayBecome, needsPrivateHalf, type KeyState } from './lifecycle.js';

const STATES: KeyState[] = ['pending', 'active', 'retiring', 'retired', 'revoked'];

describe('the lifecycle of a signing key', () => {
  it.each([
    ['pending', 'active', true],
    ['active', 'retiring', true],
    ['retiring', 'retired', true],
    ['pending', 'retiring', false],
    ['active', 'pending', false],
    ['active', 'retired', false],
    ['retiring', 'active', false],
    ['retired', 'active', false],
    ['revoked', 'active', false],
    ['revoked', 'retired', false],
  ] as const)('%s may become %s: %s', (from, to, expected) => {
    expect(mayBecome(from, to)).toBe(expected);
  });

  it.each(STATES)('%s can be revoked unless it is', (state) => {
    expect(mayBecome(state, 'revoked')).toBe(state !== 'revoked');
  });

  it.each([
    ['pending', true, true, true],
    ['active', true, true, true],
    ['retiring', true, true, false],
    ['retired', false, false, false],
    ['revoked', false, true, false],
  ] as const)('%s: published %s, known %s, private half %s', (state, published, known, priv) => {
    expect([isPublished(state), isKnown(state), needsPrivateHalf(state)]).toEqual([published, known, priv]);
  });

  it('never comes back: along any path a key that stopped signing never signs again', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATES), { maxLength: 20 }), (wishes) => {
        let state: KeyState = 'pending';
        let stopped = false;
        for (const wish of wishes) {
          if (mayBecome(state, wish)) state = wish;
          if (!needsPrivateHalf(state)) stopped = true;
          expect(stopped && needsPrivateHalf(state)).toBe(false);
        }
      }),
    );
  });
});
