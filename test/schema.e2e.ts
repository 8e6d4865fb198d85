import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { migrationOptions } from '../config/database.js';
import { entities } from '../config/entities.js';
import { migrations } from '../migrations/index.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createDatabase();
  dataSource = await new DataSource({ ...migrationOptions({ url: database.url }), entities }).initialize();
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

describe('the schema', () => {
  it('is what the entities say', async () => {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('has no deferred constraint but those that record events or erase, and all of its own triggers fire always', async () => {
    const deferred = await database.query<{ name: string; what: string }>(
      `SELECT tgname AS name, p.proname AS what FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE tgdeferrable AND p.proname NOT LIKE 'validity_note%'
         AND p.proname <> 'users_forget_addresses'`,
    );
    expect(deferred).toEqual([]);
    const constraints = await database.query(
      'SELECT conname FROM pg_constraint WHERE condeferrable AND contype <> $1',
      ['t'],
    );
    expect(constraints).toEqual([]);
    const sometimes = await database.query(`SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'`);
    expect(sometimes).toEqual([]);
  });

  it('can be taken back, step by step, and made again', async () => {
    while ((await database.query('SELECT FROM migrations')).length > 0) await dataSource.undoLastMigration();
    const left = await database.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' UNION ALL
       SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(left.map(({ name }) => name)).toEqual(['migrations']);
    expect(await dataSource.runMigrations()).toHaveLength(migrations.length);
  });
});
