import { describe, expect, it } from '@jest/globals';
import { statesThat } from './lifecycle.js';

describe('the life of a signing key', () => {
  it.each([
    ['published', ['pending', 'active', 'retiring']],
    ['known', ['pending', 'active', 'retiring', 'revoked']],
    ['signs', ['pending', 'active']],
  ] as const)('%s: %j', (use, states) => {
    expect(statesThat(use)).toEqual(states);
  });

  it('publishes whatever signs or will sign, and knows whatever it publishes', () => {
    expect(statesThat('published')).toEqual(expect.arrayContaining(statesThat('signs')));
    expect(statesThat('known')).toEqual(expect.arrayContaining(statesThat('published')));
  });
});
