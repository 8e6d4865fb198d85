import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MasterKey, MasterKeyError, loadMasterKey } from './master-key.js';
import { UnwrapError } from './wrapping.js';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'portcullis-master-key-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

describe('the master key', () => {
  it('is the configured one, and then nothing is written', () => {
    const masterKey = Buffer.alloc(32, 1);
    expect(loadMasterKey({ masterKey, dataDir }, false)).toBe(masterKey);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('is generated once, readable by the owner only, and found again', () => {
    const first = loadMasterKey({ masterKey: null, dataDir }, false);
    expect(first).toHaveLength(32);
    expect(readdirSync(dataDir)).toEqual(['master.key']);
    expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600);
    expect(loadMasterKey({ masterKey: null, dataDir }, true).equals(first)).toBe(true);
  });

  it('is never made anew for a database that needs the old one', () => {
    expect(() => loadMasterKey({ masterKey: null, dataDir }, true)).toThrow(MasterKeyError);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('is not overwritten when the file is damaged, and the message holds nothing of it', () => {
    writeFileSync(join(dataDir, 'master.key'), 'c2hvcnQ=');
    expect(() => loadMasterKey({ masterKey: null, dataDir }, false)).toThrow(/32 bytes/);
    expect(() => loadMasterKey({ masterKey: null, dataDir }, false)).not.toThrow(/c2hvcnQ/);
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).toBe('c2hvcnQ=');
  });
});

describe('while it is rotated', () => {
  const [old, present] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const rotating = new MasterKey(present, new MasterKey(old));
  const secret = Buffer.from('a secret');

  it('decrypts what either of the two encrypted, and encrypts under the first alone', () => {
    expect(rotating.unwrap('p', 'n', new MasterKey(old).wrap('p', 'n', secret))).toEqual(secret);
    const wrapped = rotating.wrap('p', 'n', secret);
    expect(rotating.unwrap('p', 'n', wrapped)).toEqual(secret);
    expect(new MasterKey(present).unwrap('p', 'n', wrapped)).toEqual(secret);
    expect(() => new MasterKey(old).unwrap('p', 'n', wrapped)).toThrow(UnwrapError);
  });

  it('keeps purposes and names apart', () => {
    const wrapped = new MasterKey(old).wrap('p', 'n', secret);
    expect(() => rotating.unwrap('q', 'n', wrapped)).toThrow(UnwrapError);
    expect(() => rotating.unwrap('p', 'm', wrapped)).toThrow(UnwrapError);
  });

  it('is named after the first, and knows both', () => {
    expect(rotating.id).toBe(new MasterKey(present).id);
    expect([rotating.id, new MasterKey(old).id].every((id) => rotating.knows(id))).toBe(true);
    expect(rotating.knows(new MasterKey(Buffer.alloc(32, 3)).id)).toBe(false);
  });
});

describe('keys derived from it', () => {
  const bytes = Buffer.alloc(32, 7);

  it('are the same on every instance, and another for each purpose and each master key', () => {
    const key = new MasterKey(bytes);
    expect(key.derive('a').equals(new MasterKey(Buffer.alloc(32, 7)).derive('a'))).toBe(true);
    expect(key.derive('a').equals(key.derive('b'))).toBe(false);
    expect(key.derive('a').equals(new MasterKey(Buffer.alloc(32, 8)).derive('a'))).toBe(false);
  });

  it('are named apart without telling their bytes', () => {
    expect(new MasterKey(bytes).id).toMatch(/^[0-9a-f]{16}$/);
    expect(new MasterKey(bytes).id).not.toBe(new MasterKey(Buffer.alloc(32, 8)).id);
    expect(bytes.toString('hex')).not.toContain(new MasterKey(bytes).id);
  });
});
