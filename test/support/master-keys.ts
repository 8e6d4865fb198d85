import { startApp, type TestApp } from './app.js';
import type { TestDatabase } from './database.js';

const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

/** What an instance is told in each stage of a rotation from the old to the new master key. */
export const STAGES = {
  'the old key alone': { PORTCULLIS_MASTER_KEY: keyOf(7) },
  'the old key first': { PORTCULLIS_MASTER_KEY: keyOf(7), PORTCULLIS_MASTER_KEY_PREVIOUS: keyOf(8) },
  'the new key first': { PORTCULLIS_MASTER_KEY: keyOf(8), PORTCULLIS_MASTER_KEY_PREVIOUS: keyOf(7) },
  'the new key alone': { PORTCULLIS_MASTER_KEY: keyOf(8) },
  'a third key': { PORTCULLIS_MASTER_KEY: keyOf(9) },
} as const;

export type Stage = keyof typeof STAGES;

const ISSUER = { PORTCULLIS_ISSUER: 'https://auth.example' };

export function startIn(stage: Stage, database: TestDatabase, env: Record<string, string> = {}): Promise<TestApp> {
  return startApp({ database, env: { ...ISSUER, ...STAGES[stage], ...env } });
}

/** Everything that is wrapped under a master key, byte for byte. */
export function wrappedRows(database: TestDatabase): Promise<Record<string, unknown>[]> {
  return database.query(
    `SELECT kid AS name, private_key AS secret, master_key_id, state FROM signing_keys
     UNION ALL SELECT purpose, secret, master_key_id, NULL FROM server_secrets ORDER BY name`,
  );
}

/** The ids of the master keys that anything is wrapped under. */
export async function masterKeysInUse(database: TestDatabase): Promise<string[]> {
  const rows = await wrappedRows(database);
  return [...new Set(rows.filter(({ secret }) => secret !== null).map((row) => String(row['master_key_id'])))];
}
