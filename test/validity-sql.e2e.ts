import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { createDatabase, type TestDatabase } from './support/database.js';
import { connectAsSuperuser, connectTo, one } from './support/sql-client.js';

const ANN = '00000000-0000-7000-8000-00000000000a';
const BOB = '00000000-0000-7000-8000-00000000000b';
const LIVE = '00000000-0000-7000-8000-000000000001';
const DEAD = '00000000-0000-7000-8000-000000000002';
const OLD = '00000000-0000-7000-8000-000000000003';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  await database.query(`
    INSERT INTO users (id, username, password_hash) VALUES ('${ANN}', 'ann', 'a'), ('${BOB}', 'bob', 'b');
    INSERT INTO permissions (name) VALUES ('p:1'), ('p:2');
    INSERT INTO roles (name) VALUES ('r1'), ('r2'), ('empty');
    INSERT INTO role_permissions VALUES ('r1', 'p:1'), ('r1', 'p:2'), ('r2', 'p:1');
    INSERT INTO user_roles (user_id, role_name) VALUES ('${ANN}', 'r1'), ('${ANN}', 'r2'), ('${BOB}', 'r1');
    INSERT INTO sessions (id, user_id, session_epoch, started_as_of, client_id, audience, refresh_hash, expires_at, revoked_at) VALUES
      ('${LIVE}', '${ANN}', 0, 1, 'portcullis', '{me,you}', '', now() + interval '1 day', NULL),
      ('${DEAD}', '${ANN}', 0, 1, 'portcullis', '{me}', '', now() + interval '1 day', now()),
      ('${OLD}', '${ANN}', 0, 1, 'portcullis', '{me}', '', now() - interval '1 day', NULL);
    INSERT INTO signing_keys (kid, algorithm, state, public_jwk) VALUES ('active', 'RS256', 'active', '{}'),
      ('pending', 'RS256', 'pending', '{}'), ('retiring', 'RS256', 'retiring', '{}'), ('retired', 'RS256', 'retired', '{}');
  `);
});
afterAll(() => database.drop());

// Each test is one transaction that is rolled back; deferred triggers fire when the test asks for it.
beforeEach(async () => {
  client = await connectTo(database);
  await client.query('BEGIN');
});
afterEach(() => client.end());

/** What a change records, as `kind key reason`. */
async function recorded(change: string, by = client): Promise<string[]> {
  const { seq } = await one(by, 'SELECT seq FROM validity_clock');
  await by.query(`${change}; SET CONSTRAINTS ALL IMMEDIATE`);
  const { rows } = await by.query<{ event: string }>(
    `SELECT kind || ' ' || key || ' ' || reason AS event FROM validity_events WHERE seq > $1 ORDER BY 1`,
    [seq],
  );
  return rows.map(({ event }) => event);
}

describe('what a change in SQL records', () => {
  const user = (reason: string) => [`user ${ANN} ${reason}`];
  const session = [`session ${LIVE} session_ended`];
  const key = (kid: string) => [`signing_key ${kid} key_revoked`];

  it.each<[string, string[]]>([
    [`UPDATE users SET status = 'disabled' WHERE id = '${ANN}'`, user('user_disabled')],
    [`UPDATE users SET password_hash = 'x' WHERE id = '${ANN}'`, user('credentials_changed')],
    [`UPDATE users SET password_hash = NULL WHERE id = '${ANN}'`, user('credentials_changed')],
    [`UPDATE users SET credentials_changed_at = 'epoch' WHERE id = '${ANN}'`, user('credentials_changed')],
    [`UPDATE users SET session_epoch = session_epoch + 1 WHERE id = '${ANN}'`, user('credentials_changed')],
    [`UPDATE users SET status = 'disabled', password_hash = 'x' WHERE id = '${ANN}'`, user('user_disabled')],
    [`DELETE FROM users WHERE id = '${ANN}'`, user('user_deleted')],
    [
      `UPDATE users SET status = 'disabled' WHERE id = '${ANN}'; DELETE FROM users WHERE id = '${ANN}'`,
      user('user_deleted'),
    ],
    [`UPDATE users SET id = gen_random_uuid() WHERE id = '${ANN}'`, user('credentials_changed')],
    [`UPDATE users SET status = 'disabled'`, [`user ${ANN} user_disabled`, `user ${BOB} user_disabled`]],
    [`DELETE FROM user_roles WHERE user_id = '${ANN}'`, [`user_facts ${ANN} facts_changed`]],
    [`UPDATE user_roles SET role_name = 'empty' WHERE role_name = 'r2'`, [`user_facts ${ANN} facts_changed`]],
    [`UPDATE user_roles SET user_id = '${BOB}' WHERE role_name = 'r2'`, [`user_facts ${ANN} facts_changed`]],
    [`DELETE FROM roles WHERE name = 'empty'`, ['role empty role_changed']],
    [
      `DELETE FROM roles WHERE name = 'r1'`,
      ['role r1 role_changed', 'role_permission r1 p:1 role_changed', 'role_permission r1 p:2 role_changed'],
    ],
    [
      `UPDATE roles SET name = 'renamed' WHERE name = 'r1'`,
      ['role r1 role_changed', 'role_permission r1 p:1 role_changed', 'role_permission r1 p:2 role_changed'],
    ],
    [
      `UPDATE roles SET name = 'x' WHERE name = 'empty'; UPDATE roles SET name = 'y' WHERE name = 'x'`,
      ['role empty role_changed', 'role x role_changed'],
    ],
    [
      `DELETE FROM permissions WHERE name = 'p:1'`,
      ['role_permission r1 p:1 role_changed', 'role_permission r2 p:1 role_changed'],
    ],
    [`UPDATE permissions SET name = 'p:3' WHERE name = 'p:2'`, ['role_permission r1 p:2 role_changed']],
    [`DELETE FROM role_permissions WHERE role_name = 'r2'`, ['role_permission r2 p:1 role_changed']],
    [`UPDATE role_permissions SET role_name = 'empty' WHERE role_name = 'r2'`, ['role_permission r2 p:1 role_changed']],
    [`UPDATE sessions SET revoked_at = now() WHERE id IN ('${LIVE}', '${DEAD}')`, session],
    [`UPDATE sessions SET expires_at = now() WHERE id = '${LIVE}'`, session],
    [`UPDATE sessions SET session_epoch = 7 WHERE id = '${LIVE}'`, session],
    [`UPDATE sessions SET user_id = '${BOB}' WHERE id = '${LIVE}'`, session],
    [`UPDATE sessions SET id = gen_random_uuid() WHERE id = '${LIVE}'`, session],
    [`DELETE FROM sessions`, session],
    [`UPDATE signing_keys SET state = 'revoked' WHERE kid = 'active'`, key('active')],
    [`UPDATE signing_keys SET state = 'revoked' WHERE kid = 'retired'`, key('retired')],
    [`UPDATE signing_keys SET kid = 'x' WHERE kid = 'active'`, key('active')],
    [`UPDATE signing_keys SET public_jwk = '{"kty":"RSA"}' WHERE kid = 'retiring'`, key('retiring')],
    [`DELETE FROM signing_keys`, ['active', 'pending', 'retiring'].flatMap(key)],
    [`INSERT INTO forced_expirations (scope, reason) VALUES ('global', 'x')`, ['global * forced_expiration']],
    [`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'c', 'x')`, ['client c forced_expiration']],
    [
      `INSERT INTO forced_expirations (scope, key, reason) VALUES ('role', 'r2', 'x')`,
      ['role r2 forced_expiration', 'role_permission r2 p:1 forced_expiration'],
    ],
  ])('%s', async (change, events) => {
    expect(await recorded(change)).toEqual(events);
  });

  it.each([
    `UPDATE users SET status = 'active', password_hash = password_hash, display_name = 'x'`,
    `INSERT INTO user_roles (user_id, role_name) VALUES ('${BOB}', 'r2')`,
    `INSERT INTO role_permissions VALUES ('empty', 'p:1')`,
    `UPDATE roles SET description = 'x'`,
    `UPDATE user_roles SET granted_at = now()`,
    `UPDATE sessions SET last_used_at = now(), expires_at = expires_at + interval '1 day', refresh_generation = 9`,
    `DELETE FROM sessions WHERE id IN ('${DEAD}', '${OLD}')`,
    `DELETE FROM signing_keys WHERE kid = 'retired'`,
    `UPDATE signing_keys SET state = 'retiring', private_key = NULL WHERE kid = 'active'`,
  ])('%s: nothing', async (change) => {
    expect(await recorded(change)).toEqual([]);
  });

  it('is recorded under session_replication_role = replica as well', async () => {
    const superuser = await connectAsSuperuser(database);
    await superuser.query('BEGIN; SET LOCAL session_replication_role = replica');
    expect(await recorded(`UPDATE users SET password_hash = 'x' WHERE id = '${ANN}'`, superuser)).toEqual(
      user('credentials_changed'),
    );
    expect(await recorded(`UPDATE sessions SET revoked_at = now() WHERE id = '${LIVE}'`, superuser)).toEqual([]);
    const { rows } = await superuser.query(`SELECT FROM validity_events WHERE kind = 'session' AND key = '${LIVE}'`);
    expect(rows).toHaveLength(1);
    await superuser.end();
  });

  it.each([
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
  ])('TRUNCATE %s: raises', async (table) => {
    await expect(client.query(`TRUNCATE ${table} CASCADE`)).rejects.toThrow(/would end tokens without a trace/);
  });

  it('cannot be recorded by hand', async () => {
    const { allowed } = await one(
      client,
      `SELECT has_function_privilege('public', 'validity_record(text, text, text, timestamptz)', 'EXECUTE') AS allowed`,
    );
    expect(allowed).toBe(false);
  });
});

describe('the epoch of a user', () => {
  const epoch = async () =>
    Number((await one(client, `SELECT session_epoch FROM users WHERE id = '${ANN}'`))['session_epoch']);

  it.each([
    [`status = 'disabled'`, 1],
    [`password_hash = 'x'`, 1],
    [`credentials_changed_at = now()`, 1],
    [`status = 'disabled', password_hash = 'x', credentials_changed_at = now()`, 1],
    [`display_name = 'x'`, 0],
    [`session_epoch = 5`, 5],
    [`session_epoch = -5`, 0],
    [`id = gen_random_uuid()`, 1],
  ])('after SET %s is %i', async (change, expected) => {
    await client.query(`UPDATE users SET ${change} WHERE id = '${ANN}'`);
    const { epoch } = await one(client, `SELECT session_epoch AS epoch FROM users WHERE username = 'ann'`);
    expect(Number(epoch)).toBe(expected);
  });

  it('never goes down', async () => {
    await client.query(`UPDATE users SET session_epoch = 5 WHERE id = '${ANN}'`);
    await client.query(`UPDATE users SET session_epoch = 0, password_hash = 'x' WHERE id = '${ANN}'`);
    expect(await epoch()).toBe(6);
    await client.query(`UPDATE users SET session_epoch = 0 WHERE id = '${ANN}'`);
    expect(await epoch()).toBe(6);
  });

  it('moves credentials_changed_at with a new password, and forward only', async () => {
    await client.query(`UPDATE users SET credentials_changed_at = '2100-01-01' WHERE id = '${ANN}'`);
    await client.query(`UPDATE users SET password_hash = 'x' WHERE id = '${ANN}'`);
    const { later } = await one(
      client,
      `SELECT credentials_changed_at > '2100-01-01' AS later FROM users WHERE id = '${ANN}'`,
    );
    expect(later).toBe(true);
  });

  it('stays for a stronger hash of the same password, and only for that', async () => {
    const row = async () =>
      one(client, `SELECT version, updated_at, credentials_changed_at, session_epoch FROM users WHERE id = '${ANN}'`);
    const before = await row();
    await client.query(`SET LOCAL portcullis.rehash = 'on'`);
    expect(await recorded(`UPDATE users SET password_hash = 'x' WHERE id = '${ANN}'`)).toEqual([]);
    expect(await row()).toEqual(before);
    await client.query(`UPDATE users SET status = 'disabled' WHERE id = '${ANN}'`);
    expect(await epoch()).toBe(1);
    await client.query(`SET LOCAL portcullis.rehash = 'off'`);
    await client.query(`UPDATE users SET password_hash = 'y' WHERE id = '${ANN}'`);
    expect(await epoch()).toBe(2);
  });
});

describe('a session is live', () => {
  const live = async () => (await client.query(`SELECT FROM live_sessions WHERE id = '${LIVE}'`)).rows.length === 1;
  const force = (scope: string, key: string, endSessions = true) =>
    `INSERT INTO forced_expirations (scope, key, reason, end_sessions) VALUES ('${scope}', '${key}', 'x', ${endSessions.toString()});
     SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED`;

  it('as it is', async () => {
    expect(await live()).toBe(true);
    const { rows } = await client.query(`SELECT FROM live_sessions`);
    expect(rows).toHaveLength(1);
  });

  it.each([
    `UPDATE users SET status = 'disabled'`,
    `UPDATE users SET status = 'disabled'; UPDATE users SET status = 'active'`,
    `UPDATE users SET password_hash = 'x'`,
    `DELETE FROM users`,
    `UPDATE sessions SET revoked_at = now()`,
    `UPDATE sessions SET expires_at = now()`,
    force('global', '*'),
    force('user', ANN),
    force('session', LIVE),
    force('client', 'portcullis'),
    force('audience', 'you'),
    force('role', 'r1'),
  ])('not after %s', async (change) => {
    await client.query(change);
    expect(await live()).toBe(false);
  });

  it.each([
    force('global', '*', false),
    force('role', 'r1', false),
    force('user', BOB),
    force('client', 'other'),
    force('audience', 'them'),
    force('role', 'empty'),
    force('token', 'jti'),
    `UPDATE users SET display_name = 'x'`,
    `DELETE FROM user_roles`,
    `UPDATE user_roles SET role_name = 'empty' WHERE role_name = 'r2'`,
    `DELETE FROM roles`,
  ])('still after %s', async (change) => {
    await client.query(change);
    expect(await live()).toBe(true);
  });

  it('never again once its user was ended, even under another id', async () => {
    await client.query(force('user', ANN));
    await client.query(`UPDATE users SET id = gen_random_uuid() WHERE id = '${ANN}'`);
    expect(await live()).toBe(false);
  });

  it('when it began after everyone else was signed out', async () => {
    await client.query(force('global', '*'));
    await client.query(`UPDATE sessions SET started_as_of = (SELECT seq FROM validity_clock) WHERE id = '${LIVE}'`);
    expect(await live()).toBe(true);
  });

  it.each([
    ['the role is taken away', `DELETE FROM user_roles WHERE user_id = '${ANN}' AND role_name = 'r1'`],
    [
      'the role is taken away and given again',
      `DELETE FROM user_roles WHERE user_id = '${ANN}'; INSERT INTO user_roles (user_id, role_name) VALUES ('${ANN}', 'r1')`,
    ],
    [
      'the role is exchanged',
      `UPDATE user_roles SET role_name = 'empty' WHERE user_id = '${ANN}' AND role_name = 'r1'`,
    ],
    ['the role is renamed', `UPDATE roles SET name = 'renamed' WHERE name = 'r1'`],
    ['the role is deleted', `DELETE FROM roles WHERE name = 'r1'`],
  ])('never again once its role was ended, even when %s', async (_, change) => {
    await client.query(force('role', 'r1'));
    expect(await live()).toBe(false);
    await client.query(`${change}; SET CONSTRAINTS ALL IMMEDIATE`);
    expect(await live()).toBe(false);
  });
});
