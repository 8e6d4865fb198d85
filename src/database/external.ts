import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { describeConnection, withoutPassword, type PostgresConnection } from './connection.js';

/** Postgres 15: the oldest version that the schema is written for and tested on. */
const OLDEST_VERSION = 150_000;

/** How long a server may take to come up, in milliseconds: it is often started at the same moment as this service. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 250;
const CONNECT_TIMEOUT_MS = 5_000;

/** Refused, reset, name not known yet, no socket yet; 57P03: `cannot_connect_now`, the server is starting up or recovering. */
const COMING_UP = new Set(['ECONNREFUSED', 'ECONNRESET', 'EAI_AGAIN', 'ENOENT', '57P03']);

/** What a server says about itself. */
export interface ServerFacts {
  /** `server_version_num`, for example 150004. */
  readonly version: number;
  readonly standby: boolean;
  readonly readOnly: boolean;
  readonly preparedTransactions: number;
}

/**
 * Checks that an external server can carry this service, waiting for it to come up.
 *
 * @throws Error with a message for the operator, free of passwords: unreachable, refused, too old, or not a writable primary.
 */
export async function connectExternal(
  url: string,
  log: (message: string) => void,
  patienceMs = PATIENCE_MS,
): Promise<PostgresConnection> {
  const where = describeConnection(url);
  const deadline = Date.now() + patienceMs;
  for (let announced = false; ; announced = true) {
    const answer = await ask(url);
    if ('facts' in answer) {
      const objection = objectionTo(answer.facts);
      if (objection !== undefined) throw new Error(`Cannot use the database at ${where}: ${objection}`);
      if (answer.facts.preparedTransactions > 0) log(PREPARED_TRANSACTIONS_WARNING);
      return { url };
    }
    // The error itself goes no further: what else it carries is not known to be free of the password.
    const why = withoutPassword(messageOf(answer.error), url);
    if (!isComingUp(answer.error) || Date.now() >= deadline)
      throw new Error(`Cannot use the database at ${where}: ${why}`);
    if (!announced) log(`Waiting for the database at ${where}: ${why}`);
    await delay(RETRY_MS);
  }
}

const PREPARED_TRANSACTIONS_WARNING =
  'The database allows prepared transactions (max_prepared_transactions is above 0). A prepared transaction that changed users, ' +
  'clients or keys holds up every other such change until it is committed: set max_prepared_transactions = 0.';

/** Why this server cannot be used, if it cannot. */
export function objectionTo(facts: ServerFacts): string | undefined {
  if (facts.version < OLDEST_VERSION) {
    return `it runs Postgres ${Math.floor(facts.version / 10_000)}, and Postgres 15 or newer is needed.`;
  }
  if (facts.standby) return 'it is a standby (in recovery), and a writable primary is needed.';
  if (facts.readOnly) return 'its transactions are read-only by default, and a writable primary is needed.';
  return undefined;
}

async function ask(url: string): Promise<{ facts: ServerFacts } | { error: unknown }> {
  try {
    return { facts: await readFacts(url) };
  } catch (error) {
    return { error };
  }
}

async function readFacts(url: string): Promise<ServerFacts> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks while idle is reported here; a query that it breaks is reported by its own promise.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<ServerFacts>(
      `SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
              current_setting('transaction_read_only') = 'on' AS "readOnly",
              current_setting('max_prepared_transactions')::int AS "preparedTransactions"`,
    );
    const facts = rows[0];
    if (facts === undefined) throw new Error('it answered a query for one row with none.');
    return facts;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isComingUp(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && COMING_UP.has(code);
}

function messageOf(error: unknown): string {
  // A name with several addresses that all refuse gives an AggregateError, whose own message is empty.
  const { message, errors } = error as { message?: unknown; errors?: unknown };
  if (Array.isArray(errors)) return errors.map(messageOf).join('; ');
  return typeof message === 'string' ? message : String(error);
}
