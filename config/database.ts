import type { DataSourceOptions, Logger } from 'typeorm';
import { migrations } from '../migrations/index.js';
import type { Env } from './env.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Milliseconds. A request must fail while its client still listens, and must not hold a connection that others wait for. */
const CONNECT_TIMEOUT = 2_000;
const STATEMENT_TIMEOUT = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT = 10_000;
/** What the client gives up after when the server says nothing at all: a little later than the server would. */
const QUERY_TIMEOUT = STATEMENT_TIMEOUT + 1_000;

/** What requests run on. The entities are those of the rooms that are loaded. */
export function dataSourceOptions(
  connection: { readonly url: string },
  env: Pick<Env, 'databasePoolSize' | 'databasePrepared'>,
): PostgresOptions {
  return {
    ...common(connection.url),
    poolSize: env.databasePoolSize,
    extra: {
      query_timeout: QUERY_TIMEOUT,
      keepAlive: true,
      // Poolers that cannot keep named statements refuse these start-up parameters as well.
      ...(env.databasePrepared && {
        statement_timeout: STATEMENT_TIMEOUT,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT,
      }),
    },
  };
}

/** What migrations run on: two connections, no time limit, no entities. */
export function migrationOptions(connection: { readonly url: string }): PostgresOptions {
  return { ...common(connection.url), poolSize: 2, migrations, migrationsTransactionMode: 'each' };
}

function common(url: string): PostgresOptions {
  return {
    type: 'postgres',
    url,
    applicationName: 'portcullis',
    connectTimeoutMS: CONNECT_TIMEOUT,
    installExtensions: false,
    logger: SILENT,
  };
}

const nothing = (): void => undefined;

/** TypeORM prints what goes wrong, whatever it is told, and throws it as well: whoever catches it knows better where it belongs. */
const SILENT: Logger = {
  logQuery: nothing,
  logQueryError: nothing,
  logQuerySlow: nothing,
  logSchemaBuild: nothing,
  logMigration: nothing,
  log: nothing,
};
