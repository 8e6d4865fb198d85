import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { Env } from '../../config/env.js';
import { deriveKey, sha256 } from './secrets.js';

/** The master key is missing or unusable: the service must not start, and nothing has been changed. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

/** The key that everything kept secret at rest hangs on. It is never used itself: each purpose has a key derived from it. */
export class MasterKey {
  /** Names the master key without telling anything about it. */
  readonly id: string;

  constructor(private readonly bytes: Buffer) {
    this.id = sha256(this.derive('master-key-id')).subarray(0, 8).toString('hex');
  }

  /** A 256-bit key for one purpose, the same on every instance. */
  derive(purpose: string): Buffer {
    return deriveKey(this.bytes, purpose);
  }

  /** @throws MasterKeyError */
  static async load(env: Env, dataSource: DataSource): Promise<MasterKey> {
    const [row] = await dataSource.query<{ in_use: boolean }[]>(
      'SELECT EXISTS (SELECT FROM signing_keys WHERE private_key IS NOT NULL) AS in_use',
    );
    return new MasterKey(loadMasterKey(env, row?.in_use ?? true));
  }
}

/**
 * The key under which private keys are stored: PORTCULLIS_MASTER_KEY, or the one in the data directory, or, where there is nothing yet that a lost
 * key would make unreadable, a new one.
 *
 * @param inUse whether the database already holds keys that were wrapped under some master key
 * @throws MasterKeyError
 */
export function loadMasterKey(env: Pick<Env, 'masterKey' | 'dataDir'>, inUse: boolean): Buffer {
  if (env.masterKey) return env.masterKey;
  const path = join(env.dataDir, 'master.key');
  const stored = read(path);
  if (stored) return stored;
  if (inUse) {
    throw new MasterKeyError(
      `The database holds signing keys, but the master key they are encrypted under is missing: set PORTCULLIS_MASTER_KEY, or restore ${path}.`,
    );
  }
  return generate(env.dataDir, path);
}

function read(path: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new MasterKeyError(`${path} cannot be read: ${(error as Error).message}`);
  }
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32) throw new MasterKeyError(`${path} does not hold 32 bytes as base64.`);
  return key;
}

/** Written whole under another name, then linked: of several processes starting at once one wins, and none reads half a key. */
function generate(dataDir: string, path: string): Buffer {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const key = read(path);
  if (!key) throw new MasterKeyError(`${path} vanished while it was being made.`);
  return key;
}
