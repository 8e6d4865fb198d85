import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { ADMIN, logIn } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { headerOf } from '../support/tokens.js';
import { until } from '../support/until.js';
import { canRun } from './support/debian-programs.js';
import { PgBouncer } from './support/pgbouncer.js';
import { quantilesOf } from './support/statistics.js';

jest.setTimeout(300_000);

const ROUNDS = 40;
const AT_ONCE = 200;
/** To Postgres, of both instances together. They have 24 to PgBouncer: no session is anybody's for longer than a transaction. */
const SERVER_CONNECTIONS = 4;

const run = canRun('pgbouncer', 'what is behind PgBouncer') ? it : it.skip;

describe('two instances behind PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let bouncer: PgBouncer;
  let instances: [ServiceProcess, ServiceProcess];
  let admin: HttpClient;
  let people: Person[];

  const environment = (env: Record<string, string> = {}): Record<string, string> => ({
    DATABASE_URL: bouncer.url,
    // The migration lock belongs to a session.
    DATABASE_MIGRATION_URL: database.url,
    PORTCULLIS_DATABASE_PREPARED: 'off',
    PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    PORTCULLIS_JWKS_MAX_AGE: '1',
    PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
    PORTCULLIS_ARGON2_MEMORY_KIB: '64',
    PORTCULLIS_ARGON2_ITERATIONS: '1',
    PORTCULLIS_RATE_LIMITS: 'off',
    ...env,
  });
  const nth = (n: number): HttpClient => (n % 2 === 0 ? instances[0] : instances[1]).http;
  const both = (token: string): Promise<string[]> => Promise.all([0, 1].map((n) => verdict(nth(n).as(token))));
  const set = (status: string, { id }: Person): Promise<unknown> =>
    database.query('UPDATE users SET status = $2 WHERE id = $1', [id, status]);

  beforeAll(async () => {
    if (run !== it) return;
    database = await createDatabase('empty');
    // As docs/operations.md says: the service cannot set these behind such a pooler.
    const name = new URL(database.url).pathname.slice(1);
    await database.query(`ALTER DATABASE ${name} SET statement_timeout = '35s'`);
    await database.query(`ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '10s'`);
    bouncer = await PgBouncer.start(database.url, SERVER_CONNECTIONS);
    instances = await Promise.all([ServiceProcess.start(environment()), ServiceProcess.start(environment())]);
    admin = await logIn(nth(0), ADMIN);
    people = await Promise.all(Array.from({ length: 8 }, () => createPerson(admin, ['auditor'])));
  });
  afterAll(async () => {
    if (run !== it) return;
    for (const instance of instances) if (instance.running) await instance.stop('SIGKILL');
    await bouncer.stop();
    await database.drop();
  });

  run('migrate at once by a connection that goes past it, and make one admin and one key', async () => {
    const [made] = await database.query(
      `SELECT (SELECT count(*)::integer FROM users WHERE username = 'admin') AS admins, (SELECT count(*)::integer FROM signing_keys) AS keys`,
    );
    expect(made).toEqual({ admins: 1, keys: 1 });
    const announced = instances.filter(({ spoken }) => spoken.includes('first admin'));
    expect(announced).toHaveLength(1);
  });

  run(`refuse on the next request what was ended in SQL, ${ROUNDS} times`, async () => {
    const [person] = people as [Person];
    const durations: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { accessToken, refreshToken } = await signIn(nth(round), person);
      const asked = performance.now();
      expect(await both(accessToken)).toEqual(['accepted', 'accepted']);
      durations.push(performance.now() - asked);
      await set('disabled', person);
      expect(await both(accessToken)).toEqual(['401 user_disabled', '401 user_disabled']);
      expect(await refreshVerdict(nth(round + 1), refreshToken)).toBe('401 invalid_grant');
      await set('active', person);
    }
    console.log(
      `proof: pgbouncer: ${ROUNDS} endings in SQL obeyed at once by both; two requests take ${quantilesOf(durations)}`,
    );
  });

  run('serve logins, refreshes, changes and pages, many at once', async () => {
    const sessions = await Promise.all(people.map((person, n) => signIn(nth(n), person)));
    const kinds: ((n: number) => Promise<number>)[] = [
      async (n) =>
        (
          await nth(n)
            .as(sessions[n % 8]?.accessToken ?? '')
            .get('/v1/auth/me')
        ).status,
      async (n) =>
        (
          await nth(n)
            .as(sessions[n % 8]?.accessToken ?? '')
            .get('/v1/users?limit=5')
        ).status,
      async (n) => {
        const { username, password } = people[n % 8] as Person;
        return (await nth(n).post('/v1/auth/login', { username, password })).status;
      },
      async (n) => {
        const { refreshToken } = await signIn(nth(n), people[n % 8] as Person);
        return (await nth(n + 1).post('/v1/auth/refresh', { refresh_token: refreshToken })).status;
      },
      async (n) =>
        (
          await nth(n)
            .as(sessions[n % 8]?.accessToken ?? '')
            .get('/v1/audit-events?limit=5')
        ).status,
      async (n) => (await admin.patch(`/v1/users/${people[n % 8]?.id ?? ''}`, { displayName: `name ${n}` })).status,
    ];
    const since = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, n) => kinds[n % kinds.length]?.(n) ?? Promise.resolve(NaN)),
    );
    expect([...new Set(statuses)]).toEqual([200]);
    console.log(
      `proof: pgbouncer: ${AT_ONCE} requests at once over ${SERVER_CONNECTIONS} connections in ${Math.round(performance.now() - since)} ms`,
    );
  });

  run('tell followers what happened, whichever instance they ask', async () => {
    const start = await admin.get<{ seq: number }>('/v1/validity/events?after=0&wait=0');
    const [, person] = people as [Person, Person];
    const polls = [0, 1].map((n) =>
      logIn(nth(n), ADMIN).then((http) =>
        http.get<{ seq: number; events: unknown[] }>(`/v1/validity/events?after=${start.body.seq}&wait=10`),
      ),
    );
    await until('both wait', async () => {
      const metrics = await Promise.all([0, 1].map((n) => nth(n).get<string>('/metrics')));
      return metrics.every(({ body }) => body.includes('portcullis_feed_waiting 1'));
    });
    await set('disabled', person);
    for (const { status, body } of await Promise.all(polls)) {
      expect([status, body.events.length > 0, body.seq > start.body.seq]).toEqual([200, true, true]);
    }
    await set('active', person);
  });

  run('rotate keys, and accept each other’s tokens all along', async () => {
    const [person] = people as [Person];
    const before = (await signIn(nth(0), person)).accessToken;
    const rotated = await admin.post('/v1/keys/rotate', {});
    expect(rotated.status).toBe(201);
    const kid = rotated.body['kid'];
    const tokens: string[] = [before];
    await until('the new key signs at both', async () => {
      const signed = await Promise.all([0, 1].map(async (n) => (await signIn(nth(n), person)).accessToken));
      tokens.push(...signed);
      return signed.every((token) => headerOf(token)['kid'] === kid);
    });
    for (const token of tokens) expect(await both(token)).toEqual(['accepted', 'accepted']);
    expect((await admin.post(`/v1/keys/${String(headerOf(before)['kid'])}/revoke`)).status).toBe(200);
    expect(await both(before)).toEqual(['401 key_revoked', '401 key_revoked']);
  });

  run('leave no setting behind in a session that others use, and lose none', async () => {
    const clients = Array.from({ length: SERVER_CONNECTIONS }, () => new Client({ connectionString: bouncer.url }));
    for (const client of clients) await client.connect();
    try {
      // In a transaction each, so that each has another session.
      for (const client of clients) await client.query('BEGIN');
      for (const client of clients) {
        const { rows } = await client.query(
          `SELECT current_setting('statement_timeout') AS statement, current_setting('idle_in_transaction_session_timeout') AS idle,
             coalesce(current_setting('portcullis.rehash', true), '') AS rehash, (SELECT count(*)::integer FROM pg_prepared_statements) AS prepared`,
        );
        expect(rows).toEqual([{ statement: '35s', idle: '10s', rehash: '', prepared: 0 }]);
        await client.query('COMMIT');
      }
    } finally {
      for (const client of clients) await client.end();
    }
  });

  run('have nothing to complain of, and stop', async () => {
    for (const { log } of instances) {
      const complaints = log.split('\n').filter((line) => /"level":"(error|fatal)"|prepared statement/.test(line));
      expect(complaints).toEqual([]);
    }
    expect(bouncer.log).not.toMatch(/ERROR|prepared statement/);
    expect(await Promise.all(instances.map((instance) => instance.stop()))).toEqual([0, 0]);
  });

  run('say what is the matter when PORTCULLIS_DATABASE_PREPARED is on', async () => {
    const service = ServiceProcess.spawn(environment({ PORTCULLIS_DATABASE_PREPARED: 'on' }));
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toMatch(
      /unsupported startup parameter: (statement_timeout|idle_in_transaction_session_timeout)/,
    );
  });
});
