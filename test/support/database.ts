import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';

export interface TestDatabase {
  /** For `pg` (`connectionString`) and TypeORM (`url`) alike. */
  readonly url: string;
  /** Runs one statement and returns its rows. */
  query<Row extends object = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<Row[]>;
  /** Removes the database, and disconnects whoever still uses it. */
  drop(): Promise<void>;
}

/** A database of the caller's own, with the current schema; `empty`: without any. */
export async function createDatabase(content: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const migrated = fromSetup('TEST_POSTGRES_TEMPLATE');
  const name = migrated.replace(/template$/, randomBytes(6).toString('hex'));
  const template = content === 'empty' ? 'template0' : migrated;
  // Copying files is much faster than logging pages, which is the default, for databases of this size.
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);

  const url = new URL(fromSetup('TEST_POSTGRES_ADMIN_URL'));
  url.pathname = `/${name}`;
  const pool = new Pool({ connectionString: url.href, max: 3 });
  // A database that a failed test did not drop is dropped, under its idle connections, at the end of the run.
  pool.on('error', () => undefined);
  return {
    url: url.href,
    query: async <Row extends object>(sql: string, params?: unknown[]) => (await pool.query<Row>(sql, params)).rows,
    drop: async () => {
      await pool.end();
      await administer(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: fromSetup('TEST_POSTGRES_ADMIN_URL') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function fromSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: global-setup.ts sets it for the e2e and proof suites.`);
  return value;
}
