import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isPrivate, prepareSocketDirectory, restoreSocketDirectory, socketBase, socketIn } from './socket-directory.js';

let dataDir: string;
const made: string[] = [];

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-spec-'));
});

afterEach(() => {
  for (const directory of [dataDir, ...made.splice(0)]) fs.rmSync(directory, { recursive: true, force: true });
});

function prepare(): string {
  const directory = prepareSocketDirectory(dataDir, undefined);
  made.push(directory);
  return directory;
}

describe('prepareSocketDirectory', () => {
  it('gives the same private directory each time', () => {
    const directory = prepare();
    expect(isPrivate(directory, undefined)).toBe(true);
    expect(prepare()).toBe(directory);
    expect(Buffer.byteLength(socketIn(directory))).toBeLessThanOrEqual(103);
  });

  it('does not use a directory that others can enter', () => {
    const directory = prepare();
    fs.chmodSync(directory, 0o755);
    const other = prepare();
    expect(other).not.toBe(directory);
    expect(isPrivate(other, undefined)).toBe(true);
  });

  it('does not follow a link that somebody laid', () => {
    const directory = prepare();
    fs.rmdirSync(directory);
    fs.symlinkSync(dataDir, directory);
    expect(prepare()).not.toBe(directory);
  });
});

describe('restoreSocketDirectory', () => {
  it('makes it again when a cleaner removed it, and refuses what is not private', () => {
    const directory = prepare();
    fs.rmdirSync(directory);
    restoreSocketDirectory(directory, undefined);
    expect(isPrivate(directory, undefined)).toBe(true);
    fs.chmodSync(directory, 0o777);
    expect(() => restoreSocketDirectory(directory, undefined)).toThrow(/no longer private/);
  });
});

describe('isPrivate', () => {
  it('asks for the very owner', () => {
    expect(isPrivate(prepare(), { uid: 4_000_000, gid: 4_000_000 })).toBe(false);
    expect(isPrivate(path.join(dataDir, 'missing'), undefined)).toBe(false);
  });
});

describe('socketBase', () => {
  it('is the temporary directory where a socket fits below it', () => {
    expect(socketBase('/var/tmp')).toBe('/var/tmp');
    expect(socketBase(`/${'long/'.repeat(20)}`)).toBe('/tmp');
  });
});
