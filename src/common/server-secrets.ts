import type { DataSource } from 'typeorm';
import { MasterKeyError, wrongMasterKey, type MasterKey } from './master-key.js';
import { UnwrapError } from './wrapping.js';

/** In alphabetical order, in which every instance inserts them. */
export const SERVER_SECRETS = [
  'passkey-login-challenge',
  'password-change-token',
  'refresh-token-mac',
  'refresh-token-successor',
] as const;

export type ServerSecretPurpose = (typeof SERVER_SECRETS)[number];

/** The key derived from the master key under which server secrets are wrapped. */
const WRAPPING = 'server-secret-wrapping';

/**
 * The keys that refresh tokens, change tokens and challenges hang on, one of 256 bits per purpose, the same on every instance. They are stored wrapped under
 * the master key rather than derived from it, so that another master key changes none of them and ends no session.
 */
export class ServerSecrets {
  constructor(private readonly secrets: ReadonlyMap<ServerSecretPurpose, Buffer>) {}

  get(purpose: ServerSecretPurpose): Buffer {
    const secret = this.secrets.get(purpose);
    if (!secret) throw new Error(`there is no server secret for ${purpose}`);
    return secret;
  }

  /**
   * Reads the secrets, and makes those that are missing.
   *
   * @throws MasterKeyError when a row cannot be decrypted; nothing has been changed then
   */
  static async load(masterKey: MasterKey, dataSource: DataSource): Promise<ServerSecrets> {
    const stored = await read(masterKey, dataSource);
    if (stored.size === SERVER_SECRETS.length) return new ServerSecrets(stored);
    await insertMissing(masterKey, dataSource);
    return new ServerSecrets(await read(masterKey, dataSource));
  }
}

export function wrapServerSecret(masterKey: MasterKey, purpose: string, secret: Buffer): Buffer {
  return masterKey.wrap(WRAPPING, purpose, secret);
}

/** @throws UnwrapError */
export function unwrapServerSecret(masterKey: MasterKey, purpose: string, wrapped: Buffer): Buffer {
  return masterKey.unwrap(WRAPPING, purpose, wrapped);
}

interface SecretRow {
  purpose: ServerSecretPurpose;
  secret: Buffer;
  masterKeyId: string;
}

async function read(masterKey: MasterKey, dataSource: DataSource): Promise<Map<ServerSecretPurpose, Buffer>> {
  const rows = await dataSource.query<SecretRow[]>(
    'SELECT purpose, secret, master_key_id AS "masterKeyId" FROM server_secrets WHERE purpose = ANY ($1)',
    [SERVER_SECRETS],
  );
  return new Map(rows.map((row) => [row.purpose, unwrapped(masterKey, row)]));
}

function unwrapped(masterKey: MasterKey, { purpose, secret, masterKeyId }: SecretRow): Buffer {
  try {
    return unwrapServerSecret(masterKey, purpose, secret);
  } catch (error) {
    if (!(error instanceof UnwrapError)) throw error;
    if (!masterKey.knows(masterKeyId)) throw wrongMasterKey(masterKeyId, masterKey);
    throw new MasterKeyError(
      `The server secret ${purpose} cannot be decrypted, although it names this master key: its row in server_secrets was altered. ` +
        'Nothing was changed. Restore the row from a backup.',
    );
  }
}

/**
 * What is missing becomes what was derived before there were such rows, so that instances of the version before, which still derive, agree. In
 * one statement and one order: of several starters one inserts everything, and the others wait for it and read.
 */
async function insertMissing(masterKey: MasterKey, dataSource: DataSource): Promise<void> {
  const origin = await originOf(masterKey, dataSource);
  await dataSource.query(
    `INSERT INTO server_secrets (purpose, secret, master_key_id)
     SELECT purpose, secret, $3 FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS s(purpose, secret, n) ORDER BY n
     ON CONFLICT DO NOTHING`,
    [
      SERVER_SECRETS,
      SERVER_SECRETS.map((purpose) => wrapServerSecret(masterKey, purpose, origin.derive(purpose))),
      masterKey.id,
    ],
  );
}

/** The master key that the version before derived from: where an upgrade and a rotation come together, that is the previous one. */
async function originOf(masterKey: MasterKey, dataSource: DataSource): Promise<MasterKey> {
  if (masterKey.previous === null) return masterKey;
  const [row] = await dataSource.query<{ before: boolean }[]>(
    'SELECT EXISTS (SELECT FROM signing_keys WHERE private_key IS NOT NULL AND master_key_id = $1) AS before',
    [masterKey.previous.id],
  );
  return row?.before === true ? masterKey.previous : masterKey;
}
