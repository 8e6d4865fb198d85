import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnwrapError, unwrap, wrap } from './wrapping.js';

const key = Buffer.alloc(32, 7);
const another = Buffer.alloc(32, 8);

describe('wrapping secrets', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.string(), (bytes, name) => {
        const secret = Buffer.from(bytes);
        expect(unwrap(key, name, wrap(key, name, secret)).equals(secret)).toBe(true);
      }),
    );
  });

  it('never gives the same bytes twice', () => {
    const secret = randomBytes(64);
    expect(wrap(key, 'a', secret).equals(wrap(key, 'a', secret))).toBe(false);
  });

  it('refuses another key, another name and any altered byte', () => {
    const wrapped = wrap(key, 'a', randomBytes(64));
    expect(() => unwrap(another, 'a', wrapped)).toThrow(UnwrapError);
    expect(() => unwrap(key, 'b', wrapped)).toThrow(UnwrapError);
    for (let i = 0; i < wrapped.length; i++) {
      const altered = Buffer.from(wrapped);
      altered[i] = (altered[i] ?? 0) ^ 1;
      expect(() => unwrap(key, 'a', altered)).toThrow(UnwrapError);
    }
    expect(() => unwrap(key, 'a', Buffer.alloc(0))).toThrow(UnwrapError);
    expect(() => unwrap(key, 'a', wrapped.subarray(0, 29))).toThrow(UnwrapError);
  });
});
