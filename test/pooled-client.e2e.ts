import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Pool, type PoolClient } from 'pg';
import { PooledClient } from '../src/database/pooled-client.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let pool: Pool;

beforeEach(async () => {
  database = await createDatabase('empty');
  pool = new Pool({ connectionString: database.url, Client: PooledClient, max: 1, query_timeout: 200 });
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

async function pidOf(client: Pick<PoolClient, 'query'>): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

describe('a connection on which a query is not answered in time', () => {
  it('goes to nobody else, least of all in the middle of its transaction', async () => {
    await database.query('CREATE TABLE kept (id int)');
    const first = await pool.connect();
    const pid = await pidOf(first);
    await first.query('BEGIN');
    await first.query('INSERT INTO kept VALUES (1)');
    await expect(first.query('SELECT pg_sleep(1)')).rejects.toThrow('Query read timeout');
    const since = performance.now();
    await expect(first.query('ROLLBACK')).rejects.toThrow('not queryable');
    expect(performance.now() - since).toBeLessThan(200);
    first.release();

    const second = await pool.connect();
    expect(await pidOf(second)).not.toBe(pid);
    await second.query('INSERT INTO kept VALUES (2)');
    second.release();
    expect(await database.query('SELECT id FROM kept')).toEqual([{ id: 2 }]);
  });

  it('stays when the query merely failed', async () => {
    const first = await pool.connect();
    const pid = await pidOf(first);
    await expect(first.query('SELECT nothing')).rejects.toThrow('does not exist');
    first.release();
    expect(await pidOf(pool)).toBe(pid);
  });
});

describe('a connection that breaks', () => {
  it('while it is lent to somebody who does not listen ends nothing', async () => {
    const client = await pool.connect();
    const pid = await pidOf(client);
    const ended = new Promise((resolve) => client.once('end', resolve));
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    await ended;
    await expect(client.query('SELECT')).rejects.toThrow('not queryable');
    client.release();
    expect(await pidOf(pool)).not.toBe(pid);
  });
});
