import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { migrationOptions } from '../../config/database.js';
import { isLockTaken } from '../common/database-errors.js';

/** The advisory lock that migrating processes queue on: "port" in ASCII. */
const MIGRATION_LOCK = 0x706f7274;
/**
 * Milliseconds that a migration waits for a table. Whoever else wants the table waits behind it, and whoever holds it may want another one that the
 * migration has: so it gives way, well before Postgres breaks off one of the two (`deadlock_timeout`, one second), which could be a request.
 */
const LOCK_WAIT = 300;
/** Milliseconds that one attempt of ten waits: longer than `deadlock_timeout`, for only then does Postgres call off a vacuum that is in the way. */
const LONGER_WAIT = 1_500;
/** Milliseconds between two attempts, in which those who waited behind it have their turn. */
const PAUSE = 500;
/** Milliseconds for which a migration is attempted. */
const PATIENCE = 300_000;

/**
 * Brings the database of this address to the schema of this version, and returns the names of the migrations that it took.
 *
 * @throws Error with a message for the operator
 */
export async function migrateDatabase(url: string, log: (message: string) => void): Promise<string[]> {
  try {
    return await withMigrations(url, (dataSource) => migrate(dataSource, log));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`The database could not be migrated: ${message}`, { cause: error });
  }
}

/** Whether the database of this address lacks migrations of this version. */
export function isBehind(url: string): Promise<boolean> {
  return withMigrations(url, (dataSource) => dataSource.showMigrations());
}

async function withMigrations<T>(url: string, work: (dataSource: DataSource) => Promise<T>): Promise<T> {
  const dataSource = new DataSource(migrationOptions({ url }));
  try {
    return await work(await dataSource.initialize());
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

/**
 * Applies the pending migrations of an initialised data source and returns their names. Any number of processes may do so at once: one
 * migrates, the others wait and find nothing to do. TypeORM itself takes no lock, so two starters would both create the schema.
 *
 * A database that is ahead of this version is served all the same, with a line in the log: during a rolling upgrade the previous version
 * may restart beside the newer schema.
 *
 * @throws QueryFailedError of the migration that failed; migrations before it in the same transaction are rolled back.
 */
export async function migrate(dataSource: DataSource, log: (message: string) => void): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await withoutTimeouts(runner);
    await takeLock(runner, log);
    try {
      // On the same runner: the lock belongs to its session.
      const executor = new MigrationExecutor(dataSource, runner);
      executor.transaction = dataSource.options.migrationsTransactionMode ?? 'all';
      const before = await namesOf(executor);
      await executePatiently(executor, runner, log);
      const after = await namesOf(executor);
      const known = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
      warnAboutUnknown(after, known, log);
      return known.filter((name) => after.includes(name) && !before.includes(name));
    } finally {
      // Fails only when the session is gone, and the lock went with it; the migration's own error must not be hidden by that.
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
      await runner.query(RESET_TIMEOUTS).catch(() => undefined);
    }
  } finally {
    await runner.release();
  }
}

const RESET_TIMEOUTS = 'RESET statement_timeout; RESET lock_timeout; RESET idle_in_transaction_session_timeout';

/** Building an index, or waiting for another instance that does, may take longer than any request should. */
async function withoutTimeouts(runner: QueryRunner): Promise<void> {
  await runner.query('SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0');
}

async function takeLock(runner: QueryRunner, log: (message: string) => void): Promise<void> {
  const answer = (await runner.query('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATION_LOCK])) as {
    taken: boolean;
  }[];
  if (answer[0]?.taken === true) return;
  log('Waiting for another instance to finish migrating the database.');
  await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
}

/**
 * Each migration is one transaction: one that has not got its locks has left nothing behind, and those before it are done. One that works for long once it
 * has its locks begins with `SET LOCAL lock_timeout = 0`, so as not to begin anew for a row.
 *
 * @throws Error when somebody has kept a lock for minutes
 */
async function executePatiently(
  executor: MigrationExecutor,
  runner: QueryRunner,
  log: (message: string) => void,
): Promise<void> {
  const since = performance.now();
  for (let attempt = 1; ; attempt++) {
    await runner.query(`SET lock_timeout = ${attempt % 10 === 0 ? LONGER_WAIT : LOCK_WAIT}`);
    try {
      await executor.executePendingMigrations();
      return;
    } catch (error) {
      if (!isLockTaken(error)) throw error;
      if (performance.now() - since > PATIENCE) {
        const [next] = await executor.getPendingMigrations();
        const who =
          'somebody keeps a lock that it needs: a transaction that stays open, or a vacuum (see pg_stat_activity)';
        throw new Error(`${next?.name ?? 'a migration'}: ${who}. ${(error as Error).message}`, { cause: error });
      }
      if (attempt === 1)
        log('Waiting for a table that others are using, to migrate it between two of their transactions.');
      await delay(PAUSE);
    }
  }
}

async function namesOf(executor: MigrationExecutor): Promise<string[]> {
  return (await executor.getExecutedMigrations()).map(({ name }) => name);
}

function warnAboutUnknown(executed: readonly string[], known: readonly string[], log: (message: string) => void): void {
  const unknown = executed.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    log(`The database is ahead of this version; it holds migrations unknown here: ${unknown.join(', ')}.`);
}
