import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MasterKey } from '../common/master-key.js';
import { UnwrapError, unwrapPrivateKey, wrapPrivateKey } from './key-wrapping.js';

const master = new MasterKey(Buffer.alloc(32, 7));
const another = new MasterKey(Buffer.alloc(32, 8));

describe('wrapping private keys', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.string(), (bytes, kid) => {
        const secret = Buffer.from(bytes);
        expect(unwrapPrivateKey(master, kid, wrapPrivateKey(master, kid, secret)).equals(secret)).toBe(true);
      }),
    );
  });

  it('never gives the same bytes twice', () => {
    const secret = randomBytes(64);
    expect(wrapPrivateKey(master, 'a', secret).equals(wrapPrivateKey(master, 'a', secret))).toBe(false);
  });

  it('refuses another master key, another kid and any altered byte', () => {
    const wrapped = wrapPrivateKey(master, 'a', randomBytes(64));
    expect(() => unwrapPrivateKey(another, 'a', wrapped)).toThrow(UnwrapError);
    expect(() => unwrapPrivateKey(master, 'b', wrapped)).toThrow(UnwrapError);
    for (let i = 0; i < wrapped.length; i++) {
      const altered = Buffer.from(wrapped);
      altered[i] = (altered[i] ?? 0) ^ 1;
      expect(() => unwrapPrivateKey(master, 'a', altered)).toThrow(UnwrapError);
    }
    expect(() => unwrapPrivateKey(master, 'a', Buffer.alloc(0))).toThrow(UnwrapError);
    expect(() => unwrapPrivateKey(master, 'a', wrapped.subarray(0, 29))).toThrow(UnwrapError);
  });
});
