import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { connectionTo } from '../../src/database/connection.js';
import { startApp, type TestApp } from '../support/app.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person, type SignedIn } from '../support/people.js';
import { claimsOf, headerOf } from '../support/tokens.js';

// What is done past the service, in SQL, counts as much as what is done through it.

jest.setTimeout(120_000);

let app: TestApp;
let other: TestApp;
let admin: HttpClient;
let ann: Person;
let role: string;
let session: SignedIn;
let count = 0;

beforeAll(async () => {
  app = await startApp();
  other = await startApp({ database: app.database });
});
beforeEach(async () => {
  admin = await app.admin();
  role = `reader-${++count}`;
  await admin.post('/v1/roles', { name: role, permissions: ['users:read'] });
  ann = await createPerson(admin, [role]);
  session = await signIn(app.http, ann);
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const sql = (statement: string, ...values: unknown[]) => app.database.query(statement, values);
const sidOf = ({ accessToken }: SignedIn) => String(claimsOf(accessToken)['sid']);

/** By every instance, each asked first in turn. */
async function expectVerdict(expected: string, path?: string): Promise<void> {
  for (const { http } of count % 2 === 0 ? [app, other] : [other, app]) {
    expect(await verdict(http.as(session.accessToken), path)).toBe(expected);
  }
}

async function expectSessionEnded(): Promise<void> {
  expect(await refreshVerdict(other.http, session.refreshToken)).toBe('401 invalid_grant');
}

async function connect(url = app.database.url): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

describe('TRUNCATE', () => {
  const TABLES = [
    'users',
    'user_roles',
    'roles',
    'role_permissions',
    'permissions',
    'sessions',
    'signing_keys',
    'forced_expirations',
    'session_endings',
    'validity_events',
    'validity_clock',
  ];

  it.each(TABLES)('of %s is refused, and ends nothing', async (table) => {
    for (const how of ['', ' CASCADE', ' RESTART IDENTITY CASCADE']) {
      await expect(sql(`TRUNCATE ${table}${how}`)).rejects.toThrow(/would end tokens without a trace|referenced/);
    }
    await expectVerdict('accepted');
  });
});

describe('session_replication_role = replica, as restores and replication set it', () => {
  /** Only a superuser may set it. */
  async function asReplica(statement: string, ...values: unknown[]): Promise<void> {
    const url = new URL(app.database.url);
    const host = url.searchParams.get('host');
    const database = url.pathname.slice(1);
    const embedded = (at: string) => connectionTo({ host: at, port: Number(url.port), user: 'postgres', database }).url;
    const client = await connect(host === null ? url.href : embedded(host));
    try {
      await client.query('SET session_replication_role = replica');
      await client.query(statement, values);
    } finally {
      await client.end();
    }
  }

  it.each<[string, string, () => unknown[]]>([
    ['user_disabled', `UPDATE users SET status = 'disabled' WHERE id = $1`, () => [ann.id]],
    ['credentials_changed', `UPDATE users SET password_hash = 'x' WHERE id = $1`, () => [ann.id]],
    ['credentials_changed', 'UPDATE users SET must_change_password = true WHERE id = $1', () => [ann.id]],
    ['user_deleted', 'DELETE FROM users WHERE id = $1', () => [ann.id]],
    ['facts_changed', 'DELETE FROM user_roles WHERE user_id = $1', () => [ann.id]],
    ['session_ended', 'UPDATE sessions SET revoked_at = now() WHERE id = $1', () => [sidOf(session)]],
    ['session_ended', 'DELETE FROM sessions WHERE id = $1', () => [sidOf(session)]],
    [
      'forced_expiration',
      `INSERT INTO forced_expirations (scope, key, reason) VALUES ('user', $1, 'x')`,
      () => [ann.id],
    ],
  ])('still tells: %s after %s', async (reason, statement, values) => {
    await asReplica(statement, ...values());
    await expectVerdict(`401 ${reason}`);
  });
});

describe('a changed primary key', () => {
  it('of a user ends the tokens and sessions of the old id', async () => {
    await sql('UPDATE users SET id = gen_random_uuid() WHERE id = $1', ann.id);
    await expectVerdict('401 credentials_changed');
    await expectSessionEnded();
  });

  it('of a session ends its tokens', async () => {
    await sql('UPDATE sessions SET id = gen_random_uuid() WHERE id = $1', sidOf(session));
    await expectVerdict('401 session_ended');
    await expectSessionEnded();
  });

  it('of a role strips it', async () => {
    await sql(`UPDATE roles SET name = name || '-renamed' WHERE name = $1`, role);
    await expectVerdict('401 role_changed', '/v1/users');
  });

  it('of a permission strips it', async () => {
    await sql(`INSERT INTO permissions (name) VALUES ($1)`, `things-${count}:read`);
    await sql(
      `UPDATE role_permissions SET permission_name = $2 WHERE role_name = $1 AND permission_name = 'users:read'`,
      role,
      `things-${count}:read`,
    );
    await expectVerdict('401 role_changed', '/v1/users');
  });

  it('of a signing key ends what it signed, and another takes its place', async () => {
    const { kid } = headerOf(session.accessToken);
    await sql(
      `UPDATE signing_keys SET kid = kid || '-renamed', state = 'revoked', private_key = NULL WHERE kid = $1`,
      kid,
    );
    await expectVerdict('401 key_revoked');
    const fresh = await signIn(other.http, ann);
    expect(await verdict(app.http.as(fresh.accessToken))).toBe('accepted');
  });
});

describe('a session that an expiration of its role has ended', () => {
  beforeEach(async () => {
    await sql(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('role', $1, 'proof')`, role);
    await expectSessionEnded();
  });

  it.each<[string, string, () => unknown[]]>([
    ['the role is taken from its user', 'DELETE FROM user_roles WHERE role_name = $1', () => [role]],
    ['the role is deleted', 'DELETE FROM roles WHERE name = $1', () => [role]],
    ['the role is renamed', `UPDATE roles SET name = name || '-2' WHERE name = $1`, () => [role]],
    ['the user gets another id', 'UPDATE users SET id = gen_random_uuid() WHERE id = $1', () => [ann.id]],
    [
      'the role is taken and given again',
      `WITH gone AS (DELETE FROM user_roles WHERE role_name = $1 RETURNING user_id)
       INSERT INTO user_roles (user_id, role_name) SELECT user_id, 'auditor' FROM gone`,
      () => [role],
    ],
  ])('stays ended when %s', async (_, statement, values) => {
    await sql(statement, ...values());
    await expectSessionEnded();
  });

  it('is not missed while both happen at the same time', async () => {
    const [one, two] = [await connect(), await connect()];
    const colleague = await createPerson(admin, [role]);
    session = await signIn(app.http, colleague);
    await one.query('BEGIN');
    await one.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('role', $1, 'proof')`, [role]);
    // The number is taken now, and the transaction of the other waits for it at its end.
    await one.query('SET CONSTRAINTS ALL IMMEDIATE');
    const gone = two.query('DELETE FROM user_roles WHERE user_id = $1', [colleague.id]);
    await one.query('COMMIT');
    await gone;
    await Promise.all([one.end(), two.end()]);
    await expectSessionEnded();
  });
});

describe('a transaction that is rolled back', () => {
  it('ends nothing, however far it came', async () => {
    const client = await connect();
    for (let round = 0; round < 50; round++) {
      await client.query(`BEGIN; UPDATE users SET status = 'disabled'; DELETE FROM sessions`);
      if (round % 2 === 0) await client.query('SET CONSTRAINTS ALL IMMEDIATE');
      await client.query('ROLLBACK');
      await expectVerdict('accepted');
    }
    await client.end();
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('refreshed');
  });
});

describe('the numbers of events', () => {
  const force = (client: Client, key: string) =>
    client.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('token', $1, 'proof')`, [key]);
  const numbers = async (): Promise<number[]> => {
    const rows = await app.database.query<{ seq: string }>(`SELECT seq FROM validity_events WHERE kind = 'token'`);
    return rows.map(({ seq }) => Number(seq));
  };

  it('are never handed out twice, though the clock is set back or a backup without the latest is restored', async () => {
    await sql('DELETE FROM validity_events');
    const client = await connect();
    const seen = new Set<number>();
    const take = async (times: number, what: string): Promise<void> => {
      await client.query(`DELETE FROM validity_events WHERE kind = 'token'`);
      for (let n = 0; n < times; n++) await force(client, `${what}-${n}`);
      for (const seq of await numbers()) {
        expect(seen.has(seq)).toBe(false);
        seen.add(seq);
      }
    };
    const [backup] = await sql('SELECT seq, xid, started_at FROM validity_clock');
    await take(200, 'lost');
    const lost = await signIn(app.http, ann);
    // A restore: the row is as it was in the backup, down to the transaction that is long over.
    await sql('UPDATE validity_clock SET seq = $1, xid = $2, started_at = $3', ...Object.values(backup ?? {}));
    await take(200, 'after the restore');
    // A clock that was an hour ahead when the last number was taken.
    await sql('UPDATE validity_clock SET seq = seq + 3600000000');
    await take(200, 'after the clock');
    expect(seen.size).toBe(600);
    await client.end();
    session = lost;
    await sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, ann.id);
    await expectVerdict('401 user_disabled');
  });

  it('are in the order in which they become visible: who follows while eight write misses none', async () => {
    const writers = await Promise.all(Array.from({ length: 8 }, () => connect()));
    const follower = await connect();
    const [start] = await sql('SELECT seq FROM validity_clock');
    let position = String(start?.['seq']);
    const writing = new AbortController();
    const followed = new Map<string, string>();
    const follow = async (): Promise<void> => {
      const { rows } = await follower.query<{ position: string; key: string | null; seq: string }>(
        'SELECT c.seq AS position, e.key, e.seq FROM validity_clock c LEFT JOIN validity_events e ON e.seq > $1',
        [position],
      );
      for (const { key, seq } of rows) if (key !== null) followed.set(key, seq);
      position = rows[0]?.position ?? position;
    };
    const following = (async () => {
      while (!writing.signal.aborted) await follow();
    })();
    await Promise.all(
      writers.map(async (writer, n) => {
        for (let round = 0; round < 250; round++) await force(writer, `ordered-${n}-${round % 40}`);
      }),
    );
    writing.abort();
    await following;
    await follow();
    const rows = await app.database.query<{ key: string; seq: string }>(
      `SELECT key, seq FROM validity_events WHERE kind = 'token' AND key LIKE 'ordered-%'`,
    );
    expect(rows).toHaveLength(320);
    for (const { key, seq } of rows) expect(followed.get(key)).toBe(seq);
    expect(new Set(rows.map(({ seq }) => seq)).size).toBe(320);
    await Promise.all([follower, ...writers].map((client) => client.end()));
  });
});
