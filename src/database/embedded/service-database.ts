import { Client, type DatabaseError } from 'pg';
import { connectionTo, type PostgresConnection } from '../connection.js';
import { SUPERUSER } from './cluster.js';
import { type Endpoint } from './postmaster-file.js';

/** The role and the database of the service in the embedded server. */
const SERVICE = 'portcullis';

/** Any constant: two processes that start on a new cluster take turns. */
const PREPARATION_LOCK = 1;
const CONNECT_TIMEOUT_MS = 10_000;

/** How the service connects: as the ordinary owner of its database, so that it is allowed here what it is allowed on a real server. */
export function serviceConnection(endpoint: Endpoint, password?: string): PostgresConnection {
  return connectionTo({
    ...endpoint,
    user: SERVICE,
    database: SERVICE,
    ...(password === undefined ? {} : { password }),
  });
}

/** Creates the role and the database where they are missing. */
export async function ensureServiceDatabase(endpoint: Endpoint, password?: string): Promise<void> {
  const { url } = connectionTo({
    ...endpoint,
    user: SUPERUSER,
    database: 'postgres',
    ...(password === undefined ? {} : { password }),
  });
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A server that is stopped now breaks the connection: the query under way reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [PREPARATION_LOCK]);
    const { rows } = await client.query<{ role: boolean; database: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role,
              EXISTS (SELECT FROM pg_database WHERE datname = $1) AS database`,
      [SERVICE],
    );
    if (rows[0]?.role !== true) {
      const secret = password === undefined ? '' : ` PASSWORD ${client.escapeLiteral(password)}`;
      await client.query(`CREATE ROLE ${SERVICE} LOGIN${secret}`);
    }
    if (rows[0]?.database !== true) await client.query(`CREATE DATABASE ${SERVICE} OWNER ${SERVICE}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether the error says that the server went away or is not there yet, and not that it refuses us. */
export function isAbsence(error: unknown): boolean {
  const { code = '' } = error as Partial<DatabaseError>;
  // Class 57P: shut down by an administrator, crashed, starting up.
  return (
    /^57P0\d$|^ECONNREFUSED$|^ECONNRESET$|^ENOENT$|^EPIPE$/.test(code) ||
    String(error).includes('terminated unexpectedly')
  );
}
