import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import type { Env } from '../../config/env.js';
import { deriveKey, sha256 } from './secrets.js';
import { unwrap, wrap } from './wrapping.js';

/** The master key is missing or unusable: the service must not start, and nothing has been changed. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

/** The key that everything kept secret at rest hangs on. It is never used itself: each purpose has a key derived from it. */
export class MasterKey {
  /** Names the master key without telling anything about it. */
  readonly id: string;

  /** @param previous decrypts what it once encrypted, and encrypts nothing: for the time of a rotation */
  constructor(
    private readonly bytes: Buffer,
    readonly previous: MasterKey | null = null,
  ) {
    this.id = sha256(this.derive('master-key-id')).subarray(0, 8).toString('hex');
  }

  /** A 256-bit key for one purpose, the same on every instance with this master key. */
  derive(purpose: string): Buffer {
    return deriveKey(this.bytes, purpose);
  }

  /** Encrypts a secret that is stored under `name`. */
  wrap(purpose: string, name: string, secret: Buffer): Buffer {
    return wrap(this.derive(purpose), name, secret);
  }

  /** @throws UnwrapError when it was wrapped under neither this master key nor the previous one, or was altered */
  unwrap(purpose: string, name: string, wrapped: Buffer): Buffer {
    try {
      return unwrap(this.derive(purpose), name, wrapped);
    } catch (error) {
      if (this.previous === null) throw error;
      return this.previous.unwrap(purpose, name, wrapped);
    }
  }

  /** Whether what is stored under the master key of this id can be decrypted. */
  knows(id: string): boolean {
    return id === this.id || this.previous?.knows(id) === true;
  }

  /**
   * The configured master key, held against what the database holds before anything is written to it.
   *
   * @throws MasterKeyError
   */
  static async load(env: Env, dataSource: DataSource): Promise<MasterKey> {
    const [row] = await dataSource.query<{ inUse: boolean; ids: string[] }[]>(IN_USE);
    const bytes = loadMasterKey(env, row?.inUse ?? true);
    const masterKey = new MasterKey(bytes, env.masterKeyPrevious && new MasterKey(env.masterKeyPrevious));
    if (masterKey.id === masterKey.previous?.id) {
      throw new MasterKeyError(
        'PORTCULLIS_MASTER_KEY_PREVIOUS is the master key itself; expected another one, or none.',
      );
    }
    const stranger = row?.ids.find((id) => !masterKey.knows(id));
    if (stranger !== undefined) throw wrongMasterKey(stranger, masterKey);
    return masterKey;
  }
}

/** Under which master keys are the secrets that are still needed? Private halves of keys that are done are not, but secrets that still verify are. */
const IN_USE = `
SELECT
  EXISTS (SELECT FROM signing_keys WHERE private_key IS NOT NULL) OR EXISTS (SELECT FROM server_secrets)
    OR EXISTS (SELECT FROM totp_factors) AS "inUse",
  ARRAY(
    SELECT master_key_id FROM signing_keys
      WHERE private_key IS NOT NULL AND master_key_id IS NOT NULL
        AND (state IN ('pending', 'active') OR (state = 'retiring' AND audience IS NOT NULL))
    UNION SELECT master_key_id FROM server_secrets
    UNION SELECT master_key_id FROM totp_factors
  ) AS ids`;

/** @param theirs the id of the master key that the secrets in the database are encrypted under */
export function wrongMasterKey(theirs: string, masterKey: MasterKey): MasterKeyError {
  const ours = masterKey.previous ? `${masterKey.id}, and the previous one ${masterKey.previous.id}` : masterKey.id;
  return new MasterKeyError(
    `The master key is not the one that secrets in the database are encrypted under (theirs is named ${theirs}, this one ${ours}). ` +
      'Nothing was changed. While the master key is being rotated, PORTCULLIS_MASTER_KEY_PREVIOUS names the other one.',
  );
}

/**
 * The key under which private keys are stored: PORTCULLIS_MASTER_KEY, or the one in the data directory, or, where there is nothing yet that a lost
 * key would make unreadable, a new one.
 *
 * @param inUse whether the database already holds secrets that were wrapped under some master key
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
