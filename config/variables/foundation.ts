import { directory, integer, issuer, key256, onOff, password, url, username, word } from '../parsers.js';
import { optional, secret, withDefault } from '../variable.js';

const POSTGRES_URL = url('postgres', 'postgresql');

/** Where the service listens, keeps its data and its secrets, and who administers it first. */
export const FOUNDATION = {
  port: withDefault('PORT', '3000', integer(0, 65_535), 'TCP port; 0 takes a free one'),
  host: withDefault('HOST', '127.0.0.1', word, 'Address to listen on (`0.0.0.0` in the image)'),
  issuer: optional('PORTCULLIS_ISSUER', '`http://localhost:<port>`', issuer, 'Public base URL: `iss`, metadata, links'),
  dataDir: withDefault(
    'PORTCULLIS_DATA_DIR',
    './data',
    directory,
    'Directory of the embedded database, the generated master key and the outbox',
  ),
  databaseUrl: secret('DATABASE_URL', 'embedded Postgres', POSTGRES_URL, 'External Postgres, 15 or newer'),
  databaseMigrationUrl: secret(
    'DATABASE_MIGRATION_URL',
    '`DATABASE_URL`',
    POSTGRES_URL,
    'Connection for migrations, when they need another user or must go past a pooler',
  ),
  databasePoolSize: withDefault(
    'PORTCULLIS_DATABASE_POOL_SIZE',
    '10',
    integer(1, 1000),
    'Most connections to Postgres, of all workers together; each has 2 more for the validity window',
  ),
  databasePrepared: withDefault(
    'PORTCULLIS_DATABASE_PREPARED',
    'on',
    onOff,
    'Named prepared statements; `off` behind poolers older than PgBouncer 1.21',
  ),
  redisUrl: secret(
    'REDIS_URL',
    'Postgres and memory',
    url('redis', 'rediss'),
    'Where rate limits are counted for several instances together',
  ),
  masterKey: secret(
    'PORTCULLIS_MASTER_KEY',
    'generated into the data directory',
    key256,
    'Encrypts private keys at rest',
  ),
  masterKeyPrevious: secret(
    'PORTCULLIS_MASTER_KEY_PREVIOUS',
    'none',
    key256,
    'A second master key, which decrypts what it once encrypted and encrypts nothing: for the time of a rotation',
  ),
  adminUsername: withDefault('PORTCULLIS_ADMIN_USERNAME', 'admin', username, 'Name of the first admin'),
  adminPassword: secret(
    'PORTCULLIS_ADMIN_PASSWORD',
    'generated, printed once, to be changed at first login',
    password,
    'Password of the first admin; one given here need not be changed',
  ),
} as const;
