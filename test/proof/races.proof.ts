import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BUILT_IN_PERMISSIONS } from '../../src/permissions/built-in.js';
import { startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { holderOf } from '../support/holders.js';
import type { Answer, HttpClient } from '../support/http.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { claimsOf } from '../support/tokens.js';

// The e2e suites race on one instance (last-admin, users) or two (refresh); here there are three, and many rounds.

jest.setTimeout(300_000);

const AT_ONCE = 50;

let database: TestDatabase;
let apps: TestApp[];
let strict: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  database = await createDatabase();
  const start = (env: Record<string, string> = {}) =>
    startApp({ database, env: { PORTCULLIS_DATABASE_POOL_SIZE: '10', ...env } });
  apps = [await start(), await start(), await start()];
  strict = await start({ PORTCULLIS_REFRESH_GRACE_SECONDS: '0' });
  admin = await (apps[0] as TestApp).admin();
});
afterAll(async () => {
  for (const app of [strict, ...apps]) await app.close();
  const rows = await database.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()');
  await database.drop();
  expect(rows).toEqual([{ deadlocks: '0' }]);
});

/** Fifty requests at once, over all instances; who is told to come back does so. */
function rush<Body = Record<string, unknown>>(
  client: HttpClient | null,
  send: (http: HttpClient, n: number) => Promise<Answer<Body>>,
): Promise<Answer<Body>[]> {
  const token = client === null ? null : tokenOf(client);
  return Promise.all(
    Array.from({ length: AT_ONCE }, async (_, n) => {
      const { http } = apps[n % apps.length] as TestApp;
      for (;;) {
        const answer = await send(token === null ? http : http.as(token), n);
        if (answer.status !== 503) return answer;
      }
    }),
  );
}

const tokens = new WeakMap<HttpClient, string>();

function tokenOf(client: HttpClient): string {
  const token = tokens.get(client);
  if (token === undefined) throw new Error('sign in by signInOnce');
  return token;
}

async function signInOnce(who: { username: string; password: string }): Promise<HttpClient> {
  const { http, accessToken } = await signIn((apps[0] as TestApp).http, who);
  tokens.set(http, accessToken);
  return http;
}

const statuses = (answers: Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describe('one refresh token, fifty times at once on three instances', () => {
  it('has one successor within the grace window, round after round', async () => {
    let { refreshToken, accessToken } = await signIn((apps[0] as TestApp).http, await createPerson(admin));
    for (let round = 1; round <= 20; round++) {
      const answers = await rush(null, (http) => http.post('/v1/auth/refresh', { refresh_token: refreshToken }));
      expect(statuses(answers, 200)).toBe(AT_ONCE);
      expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1);
      const next = signedIn((apps[0] as TestApp).http, answers[0]?.body ?? {});
      ({ refreshToken, accessToken } = next);
      expect(await verdict(next.http)).toBe('accepted');
    }
    const rows = await database.query('SELECT refresh_generation, revoked_at FROM sessions WHERE id = $1', [
      claimsOf(accessToken)['sid'],
    ]);
    expect(rows).toEqual([{ refresh_generation: 20, revoked_at: null }]);
  });

  it('ends its session outside the grace window, once, and every token of it', async () => {
    for (let round = 0; round < 10; round++) {
      const first = await signIn((apps[0] as TestApp).http, await createPerson(admin));
      const { body } = await first.http.post('/v1/auth/refresh', { refresh_token: first.refreshToken });
      const second = signedIn((apps[1] as TestApp).http, body);
      const sid = claimsOf(first.accessToken)['sid'];
      await database.query(
        `UPDATE sessions SET refresh_uses = ARRAY[clock_timestamp() - interval '11 seconds'] WHERE id = $1`,
        [sid],
      );
      const answers = await rush(null, (http) => http.post('/v1/auth/refresh', { refresh_token: first.refreshToken }));
      expect(statuses(answers, 401)).toBe(AT_ONCE);
      for (const { http, refreshToken } of [first, second]) {
        expect(await verdict(http)).toBe('401 session_ended');
        expect(await refreshVerdict(strict.http, refreshToken)).toBe('401 invalid_grant');
      }
      expect(
        await database.query(`SELECT FROM audit_events WHERE action = 'refresh_token.reused' AND target_id = $1`, [
          sid,
        ]),
      ).toHaveLength(1);
    }
  });

  it('rotates once where there is no grace, and the session ends', async () => {
    for (let round = 0; round < 10; round++) {
      const first = await signIn(strict.http, await createPerson(admin));
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, () =>
          strict.http.post('/v1/auth/refresh', { refresh_token: first.refreshToken }),
        ),
      );
      expect(statuses(answers, 200)).toBeLessThanOrEqual(1);
      expect(statuses(answers, 200) + statuses(answers, 401)).toBe(AT_ONCE);
      expect(await verdict(first.http)).toBe('401 session_ended');
      const [row] = await database.query('SELECT refresh_generation, revoked_reason FROM sessions WHERE id = $1', [
        claimsOf(first.accessToken)['sid'],
      ]);
      expect(row).toEqual({ refresh_generation: 1, revoked_reason: 'refresh_token_reused' });
    }
  });
});

describe('fifty creations at once', () => {
  it('of one user name, however it is written, leave one user', async () => {
    const creator = (await holderOf(admin, ['users:write', 'users:read'])).person;
    const client = await signInOnce(creator);
    for (let round = 0; round < 10; round++) {
      const name = `Twin${round}`;
      const answers = await rush(client, (http, n) =>
        http.post('/v1/users', {
          username: n % 2 === 0 ? name : name.toLowerCase(),
          email: `${name}.${n}@example.org`,
        }),
      );
      expect([statuses(answers, 201), statuses(answers, 409)]).toEqual([1, AT_ONCE - 1]);
      expect(await database.query('SELECT FROM users WHERE lower(username) = lower($1)', [name])).toHaveLength(1);
    }
  });
});

describe('fifty demotions, disablings and deletions at once', () => {
  it('of the last two admins leave one, on three instances', async () => {
    const attacker = await signInOnce((await holderOf(admin, [...BUILT_IN_PERMISSIONS])).person);
    const [first] = await database.query<{ id: string }>(`SELECT id FROM users WHERE username = 'admin'`);
    const setFirst = (status: string) =>
      database.query('UPDATE users SET status = $2 WHERE id = $1', [first?.id, status]);
    for (let round = 0; round < 10; round++) {
      const last = [await createPerson(admin, ['admin']), await createPerson(admin, ['admin'])];
      await setFirst('disabled');
      const answers = await rush(attacker, (http, n) => {
        const path = `/v1/users/${last[n % 2]?.id ?? ''}`;
        if (round % 2 === 0 || n % 3 === 0) return http.put(`${path}/roles`, { roles: [] });
        return n % 3 === 1 ? http.post(`${path}/disable`) : http.delete(path);
      });
      expect(answers.filter(({ status }) => ![200, 204, 404, 409].includes(status))).toEqual([]);
      expect(
        await database.query(
          `SELECT FROM users u JOIN user_roles r ON r.user_id = u.id WHERE r.role_name = 'admin' AND u.status = 'active'`,
        ),
      ).toHaveLength(1);
      await setFirst('active');
      admin = await (apps[0] as TestApp).admin();
      await database.query('DELETE FROM users WHERE id = ANY ($1)', [last.map(({ id }) => id)]);
    }
  });
});

describe('fifty edits of a role at once', () => {
  const SETS = [['users:read'], ['audit:read'], ['users:read', 'audit:read'], []];
  const held = async (role: string): Promise<string[]> => {
    const rows = await database.query<{ name: string }>(
      'SELECT permission_name AS name FROM role_permissions WHERE role_name = $1 ORDER BY 1 DESC',
      [role],
    );
    return rows.map(({ name }) => name);
  };
  const audited = (role: string) =>
    database.query(`SELECT FROM audit_events WHERE action = 'role.permissions_set' AND target_id = $1`, [role]);

  it('from one version: one wins, and the others are told that they lost', async () => {
    const client = await signInOnce({ username: 'admin', password: 'correct horse battery staple' });
    for (let round = 0; round < 10; round++) {
      const { role } = await holderOf(admin, ['keys:read']);
      const path = `/v1/roles/${role}`;
      const headers = { 'if-match': (await admin.get(path)).headers.get('etag') ?? '' };
      const answers = await rush(client, (http, n) =>
        http.put(`${path}/permissions`, { permissions: SETS[n % SETS.length] }, { headers }),
      );
      expect([statuses(answers, 200), statuses(answers, 412)]).toEqual([1, AT_ONCE - 1]);
      expect(await held(role)).toEqual(SETS[answers.findIndex(({ status }) => status === 200) % SETS.length]);
      expect(await audited(role)).toHaveLength(1);
    }
  });

  it('from no version: each is applied whole, one after the other, and older tokens lose what any of them took', async () => {
    const client = await signInOnce({ username: 'admin', password: 'correct horse battery staple' });
    for (let round = 0; round < 10; round++) {
      const { role, person } = await holderOf(admin, ['users:read', 'audit:read']);
      const older = await signIn((apps[1] as TestApp).http, person);
      const answers = await rush(client, (http, n) =>
        http.put(`/v1/roles/${role}/permissions`, { permissions: SETS[n % SETS.length] }),
      );
      expect(statuses(answers, 200)).toBe(AT_ONCE);
      expect(SETS).toContainEqual(await held(role));
      // Taken in between, even where the last edit gave it back: its client refreshes.
      expect(await verdict(older.http, '/v1/users')).toBe('401 role_changed');
      const newer = claimsOf((await signIn((apps[2] as TestApp).http, person)).accessToken);
      expect(newer['permissions']).toEqual((await held(role)).sort());
    }
  });
});

describe.each([2, 4])('%i services that start at once', (count) => {
  const startAll = (env: Record<string, string>): Promise<ServiceProcess[]> =>
    Promise.all(Array.from({ length: count }, () => ServiceProcess.start(env)));

  async function expectOneService(processes: ServiceProcess[], password: string): Promise<void> {
    expect(processes.filter(({ spoken }) => spoken.includes('The first admin'))).toHaveLength(1);
    const sessions = await Promise.all(processes.map(({ http }) => signIn(http, { username: 'admin', password })));
    for (const { accessToken } of sessions) {
      for (const { http } of processes) expect(await verdict(http.as(accessToken))).toBe('accepted');
    }
    const { body } = await (sessions[0] as { http: HttpClient }).http.get<{ items: unknown[] }>('/v1/users');
    expect(body.items).toHaveLength(1);
    const sets = await Promise.all(processes.map(({ http }) => http.get<{ keys: unknown[] }>('/jwks.json')));
    for (const set of sets) expect(set.body).toEqual(sets[0]?.body);
    expect(sets[0]?.body.keys).toHaveLength(1);
  }

  it('on an empty external database: one schema, one admin, one key', async () => {
    const empty = await createDatabase('empty');
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-races-'));
    const password = 'correct horse battery staple';
    const processes = await startAll({
      DATABASE_URL: empty.url,
      PORTCULLIS_DATA_DIR: directory,
      PORTCULLIS_ADMIN_PASSWORD: password,
    });
    await expectOneService(processes, password);
    await Promise.all(processes.map((process) => process.stop()));
    await empty.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('on an empty data directory: one database, one admin, one key', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-races-'));
    const password = 'correct horse battery staple';
    const processes = await startAll({
      PORTCULLIS_DATA_DIR: join(directory, 'data'),
      PORTCULLIS_ADMIN_PASSWORD: password,
    });
    await expectOneService(processes, password);
    await Promise.all(processes.map((process) => process.stop()));
    rmSync(directory, { recursive: true, force: true });
  });
});
