import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { existingMajors } from './cluster.js';
import { isAlive, occupantOf } from './processes.js';

let dataDir: string;

beforeEach(() => {
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-spec-'));
});

afterEach(() => {
  fs.rmSync(dataDir, { recursive: true });
});

describe('existingMajors', () => {
  it('counts whole clusters only', () => {
    for (const name of ['pg15', 'pg18', 'pg18.init-1', 'pg17', 'outbox']) fs.mkdirSync(path.join(dataDir, name));
    for (const name of ['pg15', 'pg18', 'pg18.init-1']) fs.writeFileSync(path.join(dataDir, name, 'PG_VERSION'), '');
    expect(existingMajors(dataDir).sort()).toEqual([15, 18]);
  });
});

describe('occupantOf', () => {
  it('sees nobody where the pid belongs to something else, or to nothing', () => {
    expect(occupantOf(dataDir)).toEqual({ kind: 'nobody' });
    for (const pid of [process.pid, process.ppid, 2 ** 22 + 1]) {
      fs.writeFileSync(path.join(dataDir, 'postmaster.pid'), `${pid}\n${dataDir}\n1\n5432\n/tmp/p\n\n\nready\n`);
      expect(occupantOf(dataDir)).toEqual({ kind: 'nobody', stalePid: pid });
    }
  });
});

describe('isAlive', () => {
  it('counts processes of others', () => {
    expect(isAlive(process.pid)).toBe(true);
    expect(isAlive(1)).toBe(true);
    expect(isAlive(2 ** 22 + 1)).toBe(false);
  });
});
