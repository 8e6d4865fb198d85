import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { PasswordHasher } from '../src/users/password-hasher.js';
import { ADMIN, startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import {
  createPerson,
  refreshVerdict,
  signIn,
  signedIn,
  verdict,
  type Person,
  type SignedIn,
} from './support/people.js';
import { connectTo } from './support/sql-client.js';
import { claimsOf, headerOf } from './support/tokens.js';
import { until } from './support/until.js';

const ISSUER = 'http://localhost:3000';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  ann = await createPerson(admin, ['auditor']);
});
afterAll(() => app.close());

const login = (body: object, options?: { headers: Record<string, string> }) =>
  app.http.post('/v1/auth/login', body, options);

describe('a login', () => {
  it.each([
    ['the username', (p: Person) => ({ username: p.username })],
    ['the address', (p: Person) => ({ email: p.email })],
    ['the address as username', (p: Person) => ({ username: p.email })],
    ['the username in another case', (p: Person) => ({ username: p.username.toUpperCase() })],
    ['the address in another case', (p: Person) => ({ email: p.email.toUpperCase() })],
  ])('works with %s', async (_, names) => {
    const { status, body, headers } = await login({ ...names(ann), password: ann.password });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      refresh_token: expect.stringMatching(/^prt_[\w-]{91}$/),
      scope: 'audit:read clients:read keys:read roles:read sessions:read users:read validity:read',
    });
    const me = await app.http.as(String(body['access_token'])).get('/v1/auth/me');
    expect(me.body).toMatchObject({ id: ann.id, username: ann.username, roles: ['auditor'] });
  });

  it('gives a token as RFC 9068 has it, with nothing personal in it', async () => {
    const { accessToken } = await signIn(app.http, ann);
    const [clock] = await app.database.query<{ seq: string }>('SELECT seq FROM validity_clock');
    const permissions = ['audit', 'clients', 'keys', 'roles', 'sessions', 'users', 'validity'].map((r) => `${r}:read`);
    const claims = claimsOf(accessToken);
    expect(headerOf(accessToken)).toEqual({ alg: 'RS256', kid: expect.stringMatching(/^[\w-]{43}$/), typ: 'at+jwt' });
    expect(claims).toEqual({
      iss: ISSUER,
      sub: ann.id,
      aud: ISSUER,
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 300,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      auth_time: expect.any(Number),
      amr: ['pwd'],
      client_id: 'portcullis',
      sid: expect.stringMatching(/^[\da-f-]{36}$/),
      roles: ['auditor'],
      permissions,
      scope: permissions.join(' '),
      as_of: Number(clock?.seq),
    });
  });

  it('gives a token that anyone can verify by the published keys', async () => {
    const { accessToken } = await signIn(app.http, ann);
    const keys = createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(accessToken, keys, { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt' });
    expect(payload.sub).toBe(ann.id);
  });

  it('begins a session that says whence it came, and keeps no token of it', async () => {
    const who = { username: ann.username, password: ann.password };
    const { body } = await login(who, { headers: { 'user-agent': 'curl/8.5.0' } });
    const [session] = await app.database.query(
      `SELECT s.user_agent, s.address, s.session_epoch = u.session_epoch AS epoch, s::text AS everything
       FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
      [claimsOf(String(body['access_token']))['sid']],
    );
    expect(session).toMatchObject({ user_agent: 'curl/8.5.0', address: '127.0.0.1', epoch: true });
    expect(session?.['everything']).not.toContain(String(body['refresh_token']).slice(4, 40));
  });

  it('is for the issuer, and for nobody that is not known', async () => {
    const who = { username: ann.username, password: ann.password };
    const known = await login({ ...who, audience: [ISSUER, ISSUER] });
    expect(claimsOf(String(known.body['access_token']))['aud']).toBe(ISSUER);
    const unknown = await login({ ...who, audience: [ISSUER, 'https://orders.example.org'] });
    expect([unknown.status, unknown.body['code']]).toEqual([400, 'validation_failed']);
    expect(unknown.body['errors']).toEqual([{ field: 'audience.1', message: 'is not a known audience' }]);
  });

  it.each([
    ['no password', { username: 'ann' }, 'password'],
    ['no name', { password: 'x' }, 'username'],
    ['an empty name', { username: '', password: 'x' }, 'username'],
    ['a name that is no text', { username: 7, password: 'x' }, 'username'],
    ['a password that is no text', { username: 'ann', password: { $ne: null } }, 'password'],
    ['NUL in the name', { username: 'a\0', password: 'x' }, 'username'],
    ['a name without end', { username: 'a'.repeat(255), password: 'x' }, 'username'],
    ['a password without end', { username: 'ann', password: 'x'.repeat(4097) }, 'password'],
    ['a field that is none', { username: 'ann', password: 'x', admin: true }, 'admin'],
    ['an audience that is no list', { username: 'ann', password: 'x', audience: ISSUER }, 'audience'],
  ])('answers 400 to %s', async (_, body, field) => {
    const answer = await login(body);
    expect([answer.status, answer.body['code']]).toEqual([400, 'validation_failed']);
    expect(answer.body['errors']).toContainEqual({ field, message: expect.any(String) });
  });
});

describe('a login that fails', () => {
  it('gets one and the same answer, whatever the cause', async () => {
    const [disabled, nameless] = [await createPerson(admin), await createPerson(admin)];
    await admin.post(`/v1/users/${disabled.id}/disable`);
    await app.database.query('UPDATE users SET password_hash = NULL WHERE id = $1', [nameless.id]);
    const attempts = [
      { username: ann.username, password: 'not the password' },
      { username: 'nobody', password: ann.password },
      { email: 'nobody@example.org', password: ann.password },
      { username: disabled.username, password: disabled.password },
      { username: nameless.username, password: nameless.password },
      { username: ann.id, password: ann.password },
      { username: `${ann.username} `, password: ann.password },
      { username: '%', password: ann.password },
      { username: ann.username, password: `${ann.password}\0` },
    ];
    const answers = await Promise.all(attempts.map((attempt) => login(attempt)));
    const seen = answers.map(({ status, headers, body }) => {
      const { requestId, ...rest } = body;
      expect(requestId).toBe(headers.get('x-request-id'));
      const names = [...headers.keys()].filter((name) => name !== 'x-request-id');
      return JSON.stringify({ status, names, ...rest });
    });
    expect(new Set(seen).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
  });

  it('leaves no session', async () => {
    const bob = await createPerson(admin);
    await login({ username: bob.username, password: 'not the password' });
    expect(await app.database.query('SELECT FROM sessions WHERE user_id = $1', [bob.id])).toEqual([]);
  });
});

describe('a hash made with other parameters', () => {
  const hashOf = async ({ id }: Person): Promise<string> => {
    const [row] = await app.database.query<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [
      id,
    ]);
    return String(row?.password_hash);
  };

  it('is made anew at login, and ends nothing', async () => {
    const bob = await createPerson(admin);
    const before = await signIn(app.http, bob);
    const stronger = await startApp({ database: app.database, env: { PORTCULLIS_ARGON2_ITERATIONS: '2' } });
    const [versions] = await app.database.query('SELECT version, session_epoch FROM users WHERE id = $1', [bob.id]);
    const [clock] = await app.database.query('SELECT seq FROM validity_clock');
    expect(await hashOf(bob)).toContain('$m=64,t=1,p=1$');
    await signIn(stronger.http, bob);
    expect(await hashOf(bob)).toContain('$m=64,t=2,p=1$');
    expect(await app.database.query('SELECT version, session_epoch FROM users WHERE id = $1', [bob.id])).toEqual([
      versions,
    ]);
    expect(await app.database.query('SELECT seq FROM validity_clock')).toEqual([clock]);
    expect(await verdict(before.http)).toBe('accepted');
    expect(await refreshVerdict(stronger.http, before.refreshToken)).toBe('refreshed');
    await stronger.close();
  });
});

/** Parameters with which a hash takes long enough for something to happen meanwhile. */
const SLOW = { PORTCULLIS_ARGON2_MEMORY_KIB: '8192', PORTCULLIS_ARGON2_ITERATIONS: '1' };
const ROUNDS = 20;

describe('a login during which', () => {
  let slow: TestApp;
  beforeAll(async () => {
    slow = await startApp({ database: app.database, env: SLOW });
  });
  afterAll(() => slow.close());

  /** Two logins while the change is made; the sessions of those that were quick enough to get one. */
  async function race({ username, password }: Person, change: () => Promise<unknown>): Promise<SignedIn[]> {
    const logins = [1, 2].map(() => slow.http.post('/v1/auth/login', { username, password }));
    await change();
    const answers = await Promise.all(logins);
    await app.database.query('DELETE FROM rate_limits');
    return answers.filter(({ status }) => status === 200).map(({ body }) => signedIn(slow.http, body));
  }

  async function expectEnded(sessions: SignedIn[], reason: string): Promise<void> {
    for (const { http, refreshToken } of sessions) {
      expect(await verdict(http)).toBe(`401 ${reason}`);
      expect(await refreshVerdict(app.http, refreshToken)).toBe('401 invalid_grant');
    }
  }

  it('the password changes gives nothing that survives', async () => {
    const bob = await createPerson(admin);
    const passwords = ['the first of two passwords', 'the second of two passwords'];
    const hashes = await Promise.all(passwords.map((password) => slow.nest.get(PasswordHasher).hash(password)));
    const set = (n: number) =>
      app.database.query('UPDATE users SET password_hash = $2 WHERE id = $1', [bob.id, hashes[n % 2]]);
    await set(0);
    for (let round = 0; round < ROUNDS; round++) {
      const sessions = await race({ ...bob, password: passwords[round % 2] ?? '' }, () => set(round + 1));
      await expectEnded(sessions, 'credentials_changed');
    }
  }, 20_000);

  it('the account is disabled gives nothing that survives, even when it is enabled again', async () => {
    const bob = await createPerson(admin);
    await signIn(slow.http, bob);
    const set = (status: string) => app.database.query('UPDATE users SET status = $2 WHERE id = $1', [bob.id, status]);
    for (let round = 0; round < ROUNDS; round++) {
      const sessions = await race(bob, () => set('disabled'));
      await expectEnded(sessions, 'user_disabled');
      await set('active');
      await expectEnded(sessions, 'user_disabled');
    }
  }, 20_000);

  const SET = (assignment: string) => `UPDATE users SET ${assignment} WHERE id = $1`;
  const CHECKED = { when: 'its password was found right', waitsFor: 'rate_limits' };
  const STARTED = { when: 'its session was committed', waitsFor: 'user_roles' };

  it.each([
    { ...CHECKED, what: 'the password changes', change: SET(`password_hash = password_hash || 'x'`), status: 401 },
    { ...CHECKED, what: 'the account is disabled and enabled', change: SET(`status = 'disabled'`), status: 401 },
    { ...CHECKED, what: 'the account is deleted', change: 'DELETE FROM users WHERE id = $1', status: 401 },
    { ...CHECKED, what: 'only the display name changes', change: SET(`display_name = 'Bob'`), status: 200 },
    { ...STARTED, what: 'the password changes', change: SET(`password_hash = password_hash || 'x'`), status: 401 },
    { ...STARTED, what: 'the account is disabled and enabled', change: SET(`status = 'disabled'`), status: 401 },
    { ...STARTED, what: 'only the display name changes', change: SET(`display_name = 'Bob'`), status: 200 },
  ])('$what after $when', async ({ waitsFor, change, status }) => {
    const bob = await createPerson(admin);
    const gate = await connectTo(app.database);
    await gate.query(`BEGIN; LOCK TABLE ${waitsFor}`);
    const logins = [1, 2, 3].map(() => login({ username: bob.username, password: bob.password }));
    await until('each has come so far', async () => {
      const waiting = await app.database.query(
        `SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        [waitsFor],
      );
      return waiting.length === logins.length;
    });
    await app.database.query(change, [bob.id]);
    await app.database.query(SET(`status = 'active'`), [bob.id]);
    await gate.query('COMMIT');
    await gate.end();
    for (const answer of await Promise.all(logins)) expect(answer.status).toBe(status);
  });
});

describe('the first admin', () => {
  it('logs in with the password that the configuration gives', async () => {
    const { status } = await login(ADMIN);
    expect(status).toBe(200);
  });

  it('is made once, however many instances start', async () => {
    const other = await startApp({
      database: app.database,
      env: { PORTCULLIS_ADMIN_USERNAME: `root-${randomUUID()}` },
    });
    const admins = await app.database.query(`SELECT FROM users WHERE username LIKE 'root-%' OR username = 'admin'`);
    expect(admins).toHaveLength(1);
    await other.close();
  });
});
