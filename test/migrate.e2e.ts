import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { DataSource, type DataSourceOptions, type MigrationInterface, type QueryRunner } from 'typeorm';
import { migrate } from '../src/database/migrate.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { connectTo } from './support/sql-client.js';

class First1700000000000 implements MigrationInterface {
  // pg_sleep holds the others up at the lock, well beyond their statement timeout.
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE runs (name text)');
    await runner.query(`INSERT INTO runs SELECT 'first' FROM pg_sleep(0.3)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE runs');
  }
}

class Second1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`INSERT INTO runs VALUES ('second')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM runs WHERE name = 'second'`);
  }
}

class Broken1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`INSERT INTO runs VALUES ('broken')`);
    await runner.query('SELECT no_such_column');
  }

  down(): Promise<void> {
    return Promise.resolve();
  }
}

/** Takes one table after the other, as no migration can help that touches several. */
class Both1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE one ADD COLUMN added integer; ALTER TABLE other ADD COLUMN added integer');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE one DROP COLUMN added; ALTER TABLE other DROP COLUMN added');
  }
}

const both = [First1700000000000, Second1700000000001];

let database: TestDatabase;
const sources: DataSource[] = [];

beforeEach(async () => {
  database = await createDatabase('empty');
});

afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.destroy()));
  await database.drop();
});

async function source(migrations: NonNullable<DataSourceOptions['migrations']>): Promise<DataSource> {
  const created = new DataSource({
    type: 'postgres',
    url: database.url,
    migrations,
    migrationsTransactionMode: 'each',
    // TypeORM prints a failing migration's error by itself, switched off or not.
    logger: 'debug',
    extra: { statement_timeout: 150 },
  });
  sources.push(await created.initialize());
  return created;
}

describe('migrate', () => {
  it('applies what is pending, once, in order', async () => {
    expect(await migrate(await source([First1700000000000]), () => undefined)).toEqual(['First1700000000000']);
    const next = await source(both);
    expect(await migrate(next, () => undefined)).toEqual(['Second1700000000001']);
    expect(await migrate(next, () => undefined)).toEqual([]);
    expect(await database.query('SELECT name FROM runs')).toEqual([{ name: 'first' }, { name: 'second' }]);
  });

  it('lets four starters begin at once on an empty database', async () => {
    const said: string[] = [];
    const starters = await Promise.all([both, both, both, both].map(source));
    const applied = await Promise.all(starters.map((starter) => migrate(starter, (message) => said.push(message))));
    expect(applied.filter((names) => names.length > 0)).toEqual([['First1700000000000', 'Second1700000000001']]);
    expect(await database.query('SELECT name FROM runs')).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(said).toEqual(Array(3).fill('Waiting for another instance to finish migrating the database.'));
  });

  it('gives the connection back with its time limit on, and the lock let go', async () => {
    const migrated = await source(both);
    await migrate(migrated, () => undefined);
    expect(await migrated.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '150ms' }]);
    const locks = `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
      WHERE locktype = 'advisory' AND datname = current_database()`;
    expect(await database.query(locks)).toEqual([]);
  });

  it('leaves nothing of a migration that fails, and lets the next starter try', async () => {
    await expect(migrate(await source([...both, Broken1700000000002]), () => undefined)).rejects.toThrow(
      /no_such_column/,
    );
    expect(await database.query('SELECT name FROM runs')).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(await migrate(await source(both), () => undefined)).toEqual([]);
  });

  it('serves a database that is ahead of it, and says so', async () => {
    await migrate(await source(both), () => undefined);
    const said: string[] = [];
    expect(await migrate(await source([First1700000000000]), (message) => said.push(message))).toEqual([]);
    expect(said).toEqual([expect.stringContaining('Second1700000000001')]);
  });
});

describe('a table that others are using', () => {
  const WAITING = 'Waiting for a table that others are using, to migrate it between two of their transactions.';
  const clients: Client[] = [];
  beforeEach(async () => {
    await database.query('CREATE TABLE one (n integer); CREATE TABLE other (n integer)');
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });

  async function reader(): Promise<Client> {
    const client = await connectTo(database);
    clients.push(client);
    await client.query('BEGIN; SELECT FROM other');
    return client;
  }

  /** Begins to migrate, and resolves when the migration has given way for the first time. */
  async function givesWay(): Promise<{ migrated: Promise<string[]> }> {
    const migrating = await source([Both1700000000003]);
    let migrated = Promise.resolve<string[]>([]);
    await new Promise<void>((resolve) => {
      migrated = migrate(migrating, (message) => {
        if (message === WAITING) resolve();
      });
    });
    return { migrated };
  }

  it('is waited for without keeping anybody waiting', async () => {
    const open = await reader();
    const { migrated } = await givesWay();
    await database.query('SELECT FROM other');
    await database.query('INSERT INTO one VALUES (1)');
    await open.query('COMMIT');
    expect(await migrated).toEqual(['Both1700000000003']);
    expect(await database.query('SELECT n, added FROM one')).toEqual([{ n: 1, added: null }]);
  });

  it('is left to a transaction that would be broken off otherwise, as each waits for the other', async () => {
    const open = await reader();
    const { migrated } = await givesWay();
    // Whenever it meets the migration, which has the one and wants the other again and again.
    for (let n = 0; n < 4; n++) {
      await open.query('INSERT INTO one VALUES (1)');
      await open.query('COMMIT; BEGIN; SELECT FROM other');
    }
    await open.query('COMMIT');
    expect(await migrated).toEqual(['Both1700000000003']);
    expect(await database.query('SELECT n FROM one')).toHaveLength(4);
  });
});
