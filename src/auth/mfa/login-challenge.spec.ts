import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expiryOf, newLoginChallenge } from './login-challenge.js';

const KEY = Buffer.alloc(32, 3);
const EXPIRY = 1_795_000_000;

describe('a challenge for a login', () => {
  it('says when it expires, and is never the same', () => {
    const [one, two] = [newLoginChallenge(KEY, EXPIRY), newLoginChallenge(KEY, EXPIRY)];
    expect(one).not.toBe(two);
    expect([expiryOf(KEY, one), expiryOf(KEY, two)]).toEqual([EXPIRY, EXPIRY]);
  });

  it('is worth nothing under another key, or once a character is another one', () => {
    const challenge = newLoginChallenge(KEY, EXPIRY);
    expect(expiryOf(Buffer.alloc(32, 4), challenge)).toBeNull();
    const alphabet = Array.from('ABYZabyz0189-_.= \n');
    fc.assert(
      fc.property(fc.nat(challenge.length - 1), fc.constantFrom(...alphabet), (at, character) => {
        const other = challenge.slice(0, at) + character + challenge.slice(at + 1);
        if (other !== challenge) expect(expiryOf(KEY, other)).toBeNull();
      }),
    );
  });

  it.each(['', '..', 'a.b.c', `${'a'.repeat(43)}.${EXPIRY}.${'a'.repeat(43)}`])('is not %j', (text) => {
    expect(expiryOf(KEY, text)).toBeNull();
  });
});
