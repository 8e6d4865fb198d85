import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { createDatabase, type TestDatabase } from './support/database.js';
import { connectTo, one } from './support/sql-client.js';

const WRITERS = 20;
const TRANSACTIONS = 15;
const READERS = 4;
const BULK = 20_000;

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  await database.query(
    `INSERT INTO users (id, username) SELECT gen_random_uuid(), 'user-' || n FROM generate_series(1, 30) n`,
  );
});
afterAll(() => database.drop());
beforeEach(async () => {
  client = await connectTo(database);
});
afterEach(() => client.end());

const seqNow = async (): Promise<number> => Number((await one(client, 'SELECT seq FROM validity_clock'))['seq']);
const touch = (name: string) =>
  `UPDATE users SET credentials_changed_at = clock_timestamp() WHERE username = '${name}'`;

describe('the clock of the window', () => {
  it('orders transactions by their commits, and shows each reader all events up to what it says', async () => {
    const commits: { seq: number; sent: number; done: number }[] = [];
    let writing = true;

    const write = async (n: number): Promise<void> => {
      const own = await connectTo(database);
      for (let i = 0; i < TRANSACTIONS; i++) {
        await own.query('BEGIN');
        await own.query(touch(`user-${n.toString()}`));
        const sent = performance.now();
        await own.query('COMMIT');
        const done = performance.now();
        const { seq } = await one(
          own,
          `SELECT e.seq FROM validity_events e JOIN users u ON e.key = u.id::text WHERE e.kind = 'user' AND u.username = $1`,
          [`user-${n.toString()}`],
        );
        commits.push({ seq: Number(seq), sent, done });
      }
      await own.end();
    };

    const read = async (): Promise<number> => {
      const own = await connectTo(database);
      let asOf = -1;
      let seen = new Set<string>();
      let reads = 0;
      for (; writing; reads++) {
        const row = await one(
          own,
          `SELECT (SELECT seq FROM validity_clock) AS seq, ARRAY(SELECT key || ' ' || seq FROM validity_events) AS events`,
        );
        const events = row['events'] as string[];
        const late = events.filter((event) => Number(event.split(' ')[1]) <= asOf && !seen.has(event));
        expect(late).toEqual([]);
        [asOf, seen] = [Number(row['seq']), new Set(events)];
        for (const event of events) expect(Number(event.split(' ')[1])).toBeLessThanOrEqual(asOf);
      }
      await own.end();
      return reads;
    };

    const readers = Array.from({ length: READERS }, read);
    await Promise.all(Array.from({ length: WRITERS }, (_, n) => write(n + 1)));
    writing = false;
    expect(Math.min(...(await Promise.all(readers)))).toBeGreaterThan(10);

    expect(new Set(commits.map(({ seq }) => seq)).size).toBe(WRITERS * TRANSACTIONS);
    const byCommit = commits.toSorted((x, y) => x.seq - y.seq);
    let latestSent = -Infinity;
    for (const { sent, done } of byCommit) {
      // Whoever committed before another one even began to commit has the lower number.
      expect(done).toBeGreaterThan(latestSent);
      latestSent = Math.max(latestSent, sent);
    }
  });

  it('gives one number to a transaction, however much it changes', async () => {
    const before = await seqNow();
    await client.query('BEGIN');
    for (const n of [1, 2, 3]) await client.query(touch(`user-${n.toString()}`));
    await client.query(`DELETE FROM roles WHERE name = 'auditor'`);
    await client.query(`INSERT INTO forced_expirations (scope, reason) VALUES ('global', 'test')`);
    await client.query('COMMIT');
    const row = await one(
      client,
      'SELECT count(*)::int AS events, count(DISTINCT seq)::int AS numbers FROM validity_events WHERE seq > $1',
      [before],
    );
    expect(row).toEqual({ events: 12, numbers: 1 });
  });

  it('leaves no number behind when the transaction is rolled back', async () => {
    const before = await seqNow();
    await client.query(`BEGIN; ${touch('user-1')}; SET CONSTRAINTS ALL IMMEDIATE`);
    expect(await seqNow()).toBeGreaterThan(before);
    await client.query('ROLLBACK');
    expect(await seqNow()).toBe(before);
  });

  it('does not move for what ends nothing', async () => {
    const before = await seqNow();
    await client.query(`UPDATE users SET display_name = 'x', email = NULL, must_change_password = false`);
    await client.query('SELECT FROM users FOR UPDATE');
    await client.query(`INSERT INTO users (id, username) VALUES (gen_random_uuid(), 'someone-new')`);
    expect(await seqNow()).toBe(before);
  });

  it('shows microseconds of the database', async () => {
    await client.query(touch('user-1'));
    const { now } = await one(client, 'SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS now');
    expect(Number(now) - (await seqNow())).toBeLessThan(10_000_000);
    expect(Number(now)).toBeGreaterThan(await seqNow());
    expect(Number.isSafeInteger(Number(now))).toBe(true);
  });

  it('never goes back, even when the time does', async () => {
    const future = 5_000_000_000_000_000;
    await client.query('UPDATE validity_clock SET seq = $1', [future]);
    for (const n of [1, 2]) {
      await client.query(touch('user-1'));
      expect(await seqNow()).toBe(future + n);
    }
    await client.query('DELETE FROM validity_events; UPDATE validity_clock SET seq = 1');
    await client.query(touch('user-1'));
    expect(await seqNow()).toBeGreaterThan(1_700_000_000_000_000);
  });

  it('gives a new number to a transaction whose id was seen before a restore', async () => {
    await client.query('BEGIN');
    await client.query(
      `UPDATE validity_clock SET xid = pg_current_xact_id(), started_at = now() - interval '1 day', seq = seq`,
    );
    const before = await seqNow();
    await client.query(touch('user-1'));
    await client.query('COMMIT');
    expect(await seqNow()).toBeGreaterThan(before);
  });

  it('keeps the newest event of each kind and key, and the newest reason', async () => {
    await client.query(touch('user-1'));
    const event = `SELECT e.seq, e.reason, e.at FROM validity_events e JOIN users u ON e.key = u.id::text WHERE u.username = 'user-1'`;
    const first = await one(client, event);
    await client.query(`UPDATE users SET status = 'disabled' WHERE username = 'user-1'`);
    const second = await one(client, event);
    expect([first['reason'], second['reason']]).toEqual(['credentials_changed', 'user_disabled']);
    expect(Number(second['seq'])).toBeGreaterThan(Number(first['seq']));
    expect((second['at'] as Date).getTime()).toBeGreaterThanOrEqual((first['at'] as Date).getTime());
  });

  it.each(['off', 'local', 'on'])(
    'makes the commit durable where synchronous_commit is %s, for this once',
    async (setting) => {
      await client.query(`SET synchronous_commit = ${setting}`);
      const shown = async () => (await one(client, 'SHOW synchronous_commit'))['synchronous_commit'];
      await client.query(`BEGIN; ${touch('user-1')}; SET CONSTRAINTS ALL IMMEDIATE`);
      expect(await shown()).toBe(setting === 'off' ? 'on' : setting);
      await client.query('COMMIT');
      expect(await shown()).toBe(setting);
    },
  );

  it('makes writers under stricter isolation retry rather than break the order', async () => {
    const other = await connectTo(database);
    await other.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM users`);
    await client.query(touch('user-1'));
    await other.query(touch('user-2'));
    await expect(other.query('COMMIT')).rejects.toMatchObject({ code: '40001' });
    await other.end();
  });

  it('takes a bulk update as one transaction', async () => {
    await client.query(
      `INSERT INTO users (id, username) SELECT gen_random_uuid(), 'bulk-' || n FROM generate_series(1, ${BULK}) n`,
    );
    const before = await seqNow();
    const since = performance.now();
    await client.query(`UPDATE users SET status = 'disabled' WHERE username LIKE 'bulk-%'`);
    const ms = performance.now() - since;
    const row = await one(
      client,
      'SELECT count(*)::int AS events, count(DISTINCT seq)::int AS numbers FROM validity_events WHERE seq > $1',
      [before],
    );
    expect(row).toEqual({ events: BULK, numbers: 1 });
    process.stdout.write(`Disabled ${BULK.toString()} users in one statement: ${ms.toFixed(0)} ms\n`);
  }, 60_000);
});
