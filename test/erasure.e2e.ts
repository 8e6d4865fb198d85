import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { startApp, type TestApp } from './support/app.js';
import { freshName } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn } from './support/people.js';
import { until } from './support/until.js';

let app: TestApp;
let admin: HttpClient;
beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});
afterAll(() => app.close());

const sql = (statement: string, ...values: unknown[]) => app.database.query(statement, values);
const waiters = async (count: number): Promise<boolean> => {
  const waiting = await sql(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return waiting.length === count;
};
async function connected(work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: app.database.url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

describe.each<[string, (id: string) => Promise<unknown>]>([
  ['over HTTP', (id) => admin.delete(`/v1/users/${id}`)],
  ['in SQL', (id) => app.database.query('DELETE FROM users WHERE id = $1', [id])],
])('a user who is deleted %s', (_, erase) => {
  it('leaves the id in the audit trail, and nothing else: no name, address or session', async () => {
    const person = await createPerson(admin);
    await app.http.post('/v1/auth/login', { username: person.username, password: 'a wrong password' });
    await signIn(app.http, person);
    await erase(person.id);
    const rows = await app.database.query<{ action: string; row: string; actor: string; address: string | null }>(
      `SELECT action, actor_type AS actor, address, row_to_json(e)::text AS row FROM audit_events e WHERE $1 IN (actor_id, target_id)`,
      [person.id],
    );
    expect(rows.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['user.created', 'login.failed', 'login.succeeded']),
    );
    for (const { row, action, address } of rows) {
      expect(row).not.toContain(person.username);
      // What an administrator did to them says where the administrator was.
      if (!action.startsWith('user.')) expect(address).toBeNull();
    }
    expect(await app.database.query('SELECT FROM sessions WHERE user_id = $1', [person.id])).toEqual([]);
    const kept = await app.database.query<{ row: string }>(
      `SELECT row_to_json(q)::text AS row FROM quarantined_names q`,
    );
    expect(kept.length).toBeGreaterThan(0);
    expect(JSON.stringify(kept)).not.toContain(person.username);
  });

  it('keeps the name and the address from others until the quarantine is over', async () => {
    const person = await createPerson(admin);
    const other = await createPerson(admin);
    await erase(person.id);
    const again = { username: person.username.toUpperCase(), email: `else.${person.email}` };
    const quarantined = { status: 409, body: { code: 'username_quarantined' } };
    expect(await admin.post('/v1/users', again)).toMatchObject(quarantined);
    expect(await admin.patch(`/v1/users/${other.id}`, { username: person.username })).toMatchObject(quarantined);
    const address = { email: person.email.toUpperCase() };
    const quarantinedAddress = { status: 409, body: { code: 'email_quarantined' } };
    expect(await admin.post('/v1/users', { username: freshName(), ...address })).toMatchObject(quarantinedAddress);
    expect(await admin.patch(`/v1/users/${other.id}`, address)).toMatchObject(quarantinedAddress);
    expect((await admin.patch(`/v1/users/${other.id}`, { displayName: 'Other' })).status).toBe(200);
    const proven =
      'INSERT INTO users (id, username, email, email_verified_at) VALUES (gen_random_uuid(), $1, $2, now())';
    await sql(proven, freshName(), person.email);

    await app.database.query(`UPDATE quarantined_names SET expires_at = clock_timestamp() - interval '2 days'`);
    expect((await admin.post('/v1/users', again)).status).toBe(201);
    expect(await app.nest.get(ExpiredRows).sweep('quarantined_names')).toBeGreaterThan(0);
  });
});

describe('what happens while a user is deleted', () => {
  /** Rows about the user, or about a session of theirs, that say where somebody was who is no administrator. */
  const addressesLeft = (id: string) =>
    sql(
      `SELECT action, actor_type, address FROM audit_events
       WHERE address IS NOT NULL AND action NOT LIKE 'user.%' AND $1 IN (actor_id, target_id, details->>'userId')`,
      id,
    );
  it.each([
    ['attempts to log in', `('login.failed', 'failure', 'anonymous', NULL, 'user', $1, '192.0.2.7', '{}')`],
    ['what they do', `('logout', 'success', 'user', $1, NULL, NULL, '192.0.2.7', '{}')`],
    [
      'what is done to their sessions',
      `('refresh_token.reused', 'denied', 'anonymous', NULL, 'session', 'x', '192.0.2.7', jsonb_build_object('userId', $1))`,
    ],
  ])('leaves no address in rows about %s, before, during and after', async (_, row) => {
    const { id } = await createPerson(admin);
    const insert = `INSERT INTO audit_events (action, outcome, actor_type, actor_id, target_type, target_id, address, details) VALUES ${row.replaceAll('$1', `'${id}'::text`)}`;
    await sql(insert);
    expect(await addressesLeft(id)).toHaveLength(1);
    await connected(async (first) => {
      await first.query(`BEGIN; ${insert}`);
      const deleted = admin.delete(`/v1/users/${id}`);
      await until('the deletion waits for the row', () => waiters(1));
      await first.query('COMMIT');
      expect((await deleted).status).toBe(204);
    });
    await sql(insert);
    expect(await addressesLeft(id)).toEqual([]);

    const other = await createPerson(admin);
    const aboutOther = insert.replaceAll(id, other.id);
    await connected(async (first) => {
      await first.query(`BEGIN; DELETE FROM users WHERE id = '${other.id}'`);
      await sql(aboutOther);
      expect(await addressesLeft(other.id)).toHaveLength(1);
      await first.query('SET CONSTRAINTS users_forget_addresses IMMEDIATE');
      const late = sql(aboutOther);
      await until('the row waits for the deletion', () => waiters(1));
      await first.query('COMMIT');
      await late;
    });
    expect(await addressesLeft(other.id)).toEqual([]);
  });

  describe('holds up nobody else', () => {
    const rows = (id: string, count: number) =>
      sql(
        `INSERT INTO audit_events (action, outcome, actor_type, actor_id, address)
         SELECT 'login.succeeded', 'success', 'user', $1, '192.0.2.7' FROM generate_series(1, $2::int)`,
        id,
        count,
      );

    it('while it erases what is there, nor those who come with the same name', async () => {
      const [gone, other] = [await createPerson(admin), await createPerson(admin)];
      await rows(gone.id, 1);
      await connected(async (reader) => {
        await reader.query('BEGIN');
        await reader.query('SELECT FROM audit_events WHERE actor_id = $1 FOR UPDATE', [gone.id]);
        const deleted = sql('DELETE FROM users WHERE id = $1', gone.id);
        await until('the deletion waits for one of the rows', () => waiters(1));
        await rows(other.id, 1);
        await rows(gone.id, 1);
        await signIn(app.http, other);
        await reader.query('COMMIT');
        await deleted;
      });
      expect(await addressesLeft(gone.id)).toEqual([]);
      expect(await addressesLeft(other.id)).not.toEqual([]);
    });

    it('while it is committed', async () => {
      const gone = await createPerson(admin);
      const part = async (id: string) => JSON.stringify(await sql('SELECT hashtext($1) & 1023 AS part', id));
      let other = await createPerson(admin);
      while ((await part(other.id)) === (await part(gone.id))) other = await createPerson(admin);
      await connected(async (deletion) => {
        await deletion.query('BEGIN');
        await deletion.query('DELETE FROM users WHERE id = $1', [gone.id]);
        await deletion.query('SET CONSTRAINTS users_forget_addresses IMMEDIATE');
        await rows(other.id, 1);
        await signIn(app.http, other);
        await deletion.query('COMMIT');
      });
    });

    it('for long, however long the trail is: it takes several transactions', async () => {
      const { id } = await createPerson(admin);
      await rows(id, 11_000);
      expect((await admin.delete(`/v1/users/${id}`)).status).toBe(204);
      expect(await addressesLeft(id)).toEqual([]);
      const transactions = await sql(
        `SELECT count(*)::int AS count FROM audit_events WHERE actor_id = $1 GROUP BY xmin ORDER BY 1`,
        id,
      );
      expect(transactions.map(({ count }) => count)).toEqual([1_000, 5_000, 5_000]);
    });
  });

  it('leaves none of logins, refreshes and logouts that were under way', async () => {
    for (let round = 0; round < 3; round++) {
      const person = await createPerson(admin);
      const { username, password, id } = person;
      const session = await signIn(app.http, person);
      const reused = await signIn(app.http, person);
      await app.http.post('/v1/auth/refresh', { refresh_token: reused.refreshToken });
      await sql(`UPDATE sessions SET refresh_uses = ARRAY[now() - interval '1 day'] WHERE user_id = $1`, id);
      const underWay = [
        ...['a wrong one', password, 'another wrong one', password].map((tried) =>
          app.http.post('/v1/auth/login', { username, password: tried }),
        ),
        app.http.post('/v1/auth/refresh', { refresh_token: reused.refreshToken }),
        app.http.post('/v1/auth/logout', { refresh_token: session.refreshToken }),
        session.http.post('/v1/auth/logout-all'),
      ];
      const deleted = await admin.delete(`/v1/users/${id}`);
      expect(deleted.status).toBe(204);
      for (const { status } of await Promise.all(underWay)) expect(status).toBeLessThan(500);
      expect(await addressesLeft(id)).toEqual([]);
    }
  });
});

describe('a user who gets another name or address', () => {
  const outcome = ({ status, body }: { status: number; body: { code?: string } }) =>
    body.code === undefined ? `${status}` : `${status} ${body.code}`;
  type By = (id: string, values: { username?: string; email?: string }) => Promise<unknown>;
  const WAYS: [string, By][] = [
    ['over HTTP', (id, values) => admin.patch(`/v1/users/${id}`, values)],
    [
      'in SQL',
      (id, { username, email }) =>
        sql(
          'UPDATE users SET username = coalesce($2, username), email = coalesce($3, email) WHERE id = $1',
          id,
          username,
          email,
        ),
    ],
  ];

  it.each(WAYS)('%s may have the former ones back; others may not until the quarantine is over', async (_, rename) => {
    const [ann, other] = [await createPerson(admin), await createPerson(admin)];
    await rename(ann.id, { username: freshName('ann'), email: 'ann.smith@example.org' });
    const former = { username: ann.username.toUpperCase(), email: ann.email.toUpperCase() };
    // Those that the version before knows, which still serves while the new one is started.
    const constraints: Record<string, string> = { username: 'users_username_quarantined', email: 'users_email_key' };
    for (const [field, value] of Object.entries(former)) {
      const quarantined = `409 ${field}_quarantined`;
      expect(outcome(await admin.patch(`/v1/users/${other.id}`, { [field]: value }))).toBe(quarantined);
      const fresh = freshName();
      const created = { username: fresh, email: `${fresh}@example.org`, [field]: value };
      expect(outcome(await admin.post('/v1/users', created))).toBe(quarantined);
      const column = sql(`UPDATE users SET ${field} = $2 WHERE id = $1`, other.id, value);
      await expect(column).rejects.toMatchObject({ constraint: constraints[field], hint: 'quarantined' });
    }
    expect(outcome(await admin.patch(`/v1/users/${ann.id}`, former))).toBe('200');

    await rename(ann.id, { username: freshName('ann') });
    await admin.delete(`/v1/users/${ann.id}`);
    const late = { username: ann.username };
    expect(outcome(await admin.patch(`/v1/users/${other.id}`, late))).toBe('409 username_quarantined');
    await sql(`UPDATE quarantined_names SET expires_at = clock_timestamp() - interval '1 second'`);
    expect(outcome(await admin.patch(`/v1/users/${other.id}`, late))).toBe('200');
  });

  it('leaves the address to whoever proves it', async () => {
    const [ann, other] = [await createPerson(admin), await createPerson(admin)];
    await admin.patch(`/v1/users/${ann.id}`, { email: `new.${ann.email}` });
    await sql('UPDATE users SET email = $2, email_verified_at = now() WHERE id = $1', other.id, ann.email);
    const taken = { email: ann.email };
    expect(outcome(await admin.patch(`/v1/users/${ann.id}`, taken))).toBe('409 email_taken');
  });

  it('leaves the name to nobody who asks for it while the change is under way', async () => {
    const ann = await createPerson(admin);
    await connected(async (change) => {
      await change.query('BEGIN');
      await change.query('UPDATE users SET username = $2 WHERE id = $1', [ann.id, freshName('ann')]);
      const others = Array.from({ length: 3 }, (_, n) =>
        admin.post<{ code?: string }>('/v1/users', { username: ann.username, email: `${n}.${ann.email}` }),
      );
      await until('all of them wait for the change', () => waiters(others.length));
      await change.query('COMMIT');
      const answers = await Promise.all(others);
      expect(answers.map(outcome)).toEqual(Array(3).fill('409 username_quarantined'));
    });
  });
});
