import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { MasterKey } from '../common/master-key.js';
import { UnwrapError, unwrapPrivateKey, wrapPrivateKey } from './key-wrapping.js';

const OLD = Buffer.alloc(32, 7);
const NEW = Buffer.alloc(32, 8);
const secret = randomBytes(64);

describe('wrapping private keys', () => {
  it('is for one kid under one master key', () => {
    const wrapped = wrapPrivateKey(new MasterKey(OLD), 'a', secret);
    expect(unwrapPrivateKey(new MasterKey(OLD), 'a', wrapped).equals(secret)).toBe(true);
    expect(() => unwrapPrivateKey(new MasterKey(OLD), 'b', wrapped)).toThrow(UnwrapError);
    expect(() => unwrapPrivateKey(new MasterKey(NEW), 'a', wrapped)).toThrow(UnwrapError);
  });

  it('is undone with the master key before as well, and never done under it', () => {
    const rotating = new MasterKey(NEW, new MasterKey(OLD));
    expect(unwrapPrivateKey(rotating, 'a', wrapPrivateKey(new MasterKey(OLD), 'a', secret)).equals(secret)).toBe(true);
    expect(unwrapPrivateKey(new MasterKey(NEW), 'a', wrapPrivateKey(rotating, 'a', secret)).equals(secret)).toBe(true);
  });

  it('is not undone with the keys of other secrets', () => {
    const master = new MasterKey(OLD);
    expect(() => unwrapPrivateKey(master, 'a', master.wrap('server-secret', 'a', secret))).toThrow(UnwrapError);
  });
});
