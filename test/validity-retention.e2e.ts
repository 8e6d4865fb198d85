import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WindowKeeper } from '../src/validity/window-keeper.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, signedIn, verdict, type Person, type SignedIn } from './support/people.js';
import { connectTo } from './support/sql-client.js';
import { claimsOf, reissued } from './support/tokens.js';
import { until } from './support/until.js';

const DAY = 86_400;

let app: TestApp;
let other: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  other = await startApp({ database: app.database });
  admin = await app.admin();
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const sql = (statement: string, params?: unknown[]) => app.database.query(statement, params);
const tend = (at = app) => at.nest.get(WindowKeeper).tend();
const clock = async () => {
  const [row] = await sql(
    `SELECT seq::float8 AS seq, floor::float8 AS floor, extract(epoch FROM keep)::int AS keep,
     extract(epoch FROM keep_access)::int AS "keepAccess" FROM validity_clock`,
  );
  return row as { seq: number; floor: number; keep: number; keepAccess: number };
};

/** Makes an event expire so many minutes ago. */
const age = (kind: string, key: unknown, minutes: number) =>
  sql(
    `UPDATE validity_events SET expires_at = clock_timestamp() - make_interval(mins => $3) WHERE kind = $1 AND key = $2`,
    [kind, key, minutes],
  );

async function renewed({ refreshToken }: SignedIn): Promise<SignedIn> {
  const { body } = await app.http.post('/v1/auth/refresh', { refresh_token: refreshToken });
  return signedIn(app.http, body);
}

/** A session whose user has just been disabled. */
async function disabled(): Promise<{ person: Person; session: SignedIn; seq: number }> {
  const person = await createPerson(admin);
  const session = await signIn(app.http, person);
  await admin.post(`/v1/users/${person.id}/disable`);
  return { person, session, seq: (await clock()).seq };
}

describe('an event is kept', () => {
  it('for as long as the longest token that it may end can live', async () => {
    const { person, session } = await disabled();
    const there = await signIn(app.http, await createPerson(admin));
    await there.http.post('/v1/auth/logout');
    await admin.post('/v1/forced-expirations', { scope: 'token', key: 'some-token', reason: 'test' });
    await sql(`INSERT INTO signing_keys (kid, algorithm, state) VALUES ('gone', 'RS256', 'retiring')`);
    await sql(`UPDATE signing_keys SET state = 'revoked' WHERE kid = 'gone'`);
    const kept = async (kind: string, key: unknown) => {
      const [row] = await sql(
        `SELECT CASE WHEN isfinite(expires_at) THEN round(extract(epoch FROM expires_at - at))::float8 ELSE 'infinity' END AS seconds
         FROM validity_events WHERE kind = $1 AND key = $2`,
        [kind, key],
      );
      return row?.['seconds'];
    };
    expect(await kept('user', person.id)).toBe(DAY);
    expect(await kept('session', claimsOf(there.accessToken)['sid'])).toBe(300);
    expect(await kept('token', 'some-token')).toBe(DAY);
    expect(await kept('signing_key', 'gone')).toBe(Infinity);
    expect(await verdict(session.http)).toBe('401 user_disabled');
  });

  it('until ten minutes after, and then the floor rises: older tokens are refused, and renewed', async () => {
    const bystander = await signIn(app.http, await createPerson(admin));
    const { person, session, seq } = await disabled();
    await age('user', person.id, 9);
    await tend();
    expect(await sql('SELECT FROM validity_events WHERE key = $1', [person.id])).toHaveLength(1);
    await age('user', person.id, 11);
    expect(await tend()).toBe(1);
    expect(await sql('SELECT FROM validity_events WHERE key = $1', [person.id])).toEqual([]);
    expect((await clock()).floor).toBe(seq);

    for (const at of [app, other]) {
      expect(await verdict(at.http.as(session.accessToken))).toBe('401 below_floor');
      expect(await verdict(at.http.as(bystander.accessToken))).toBe('401 below_floor');
    }
    const next = await renewed(bystander);
    expect(claimsOf(next.accessToken)['as_of']).toBe(seq);
    for (const at of [app, other]) expect(await verdict(at.http.as(next.accessToken))).toBe('accepted');
    const below = await reissued(app, next.accessToken, { as_of: seq - 1 });
    expect(await verdict(app.http.as(below))).toBe('401 below_floor');
    admin = await app.admin();
  });

  it.each(['session', 'token'])(
    'and the floor stays for events about one %s: what they ended has expired',
    async (kind) => {
      const bystander = await signIn(app.http, await createPerson(admin));
      const { floor } = await clock();
      const session = await signIn(app.http, await createPerson(admin));
      const key = String(claimsOf(session.accessToken)[kind === 'session' ? 'sid' : 'jti']);
      await admin.post('/v1/forced-expirations', { scope: kind, key, reason: 'test' });
      await age(kind, key, 11);
      expect(await tend()).toBe(1);
      expect((await clock()).floor).toBe(floor);
      expect(await verdict(bystander.http)).toBe('accepted');
    },
  );

  it('for ever when it is about a signing key', async () => {
    expect(await tend()).toBe(0);
    expect(await sql(`SELECT FROM validity_events WHERE kind = 'signing_key' AND key = 'gone'`)).toHaveLength(1);
  });

  it('while many instances tend the window and many change it, without a deadlock', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => createPerson(admin)));
    const answers = await Promise.all(
      people.flatMap(({ id }) => [
        tend(app),
        tend(other),
        admin.post(`/v1/users/${id}/disable`).then(({ status }) => status),
      ]),
    );
    expect(answers.filter((answer) => answer === 200)).toHaveLength(4);
  });
});

describe('how long events are kept', () => {
  it('follows the longest-lived tokens of all instances: up at once, down when they have expired', async () => {
    expect(await clock()).toMatchObject({ keep: DAY, keepAccess: 300 });
    const longer = await startApp({
      database: app.database,
      env: { PORTCULLIS_ACCESS_TOKEN_TTL: '3600', PORTCULLIS_MAX_TOKEN_TTL: '2d' },
    });
    expect(await clock()).toMatchObject({ keep: 2 * DAY, keepAccess: 3600 });

    const { accessToken } = await signIn(longer.http, await createPerson(admin));
    expect(Number(claimsOf(accessToken)['exp']) - Number(claimsOf(accessToken)['iat'])).toBe(3600);
    expect(await verdict(app.http.as(accessToken))).toBe('accepted');

    await tend(app);
    expect(await clock()).toMatchObject({ keep: 2 * DAY, keepAccess: 3600 });
    const [held] = await sql(
      `SELECT extract(epoch FROM keep_held_until - clock_timestamp())::float8 AS keep,
       extract(epoch FROM keep_access_held_until - clock_timestamp())::float8 AS access FROM validity_clock`,
    );
    expect(Number(held?.['keep'])).toBeGreaterThan(2 * DAY);
    expect(Number(held?.['access'])).toBeGreaterThan(3600);

    await sql(
      'UPDATE validity_clock SET keep_held_until = clock_timestamp(), keep_access_held_until = clock_timestamp()',
    );
    await tend(longer);
    await tend(app);
    expect(await clock()).toMatchObject({ keep: 2 * DAY, keepAccess: 3600 });
    await longer.close();

    await sql(
      'UPDATE validity_clock SET keep_held_until = clock_timestamp(), keep_access_held_until = clock_timestamp()',
    );
    await tend(app);
    expect(await clock()).toMatchObject({ keep: DAY, keepAccess: 300 });
    expect(await verdict(app.http.as(accessToken))).toBe('401 lifetime_too_long');
  });
});

describe('a window that cannot be known', () => {
  it('answers 503, and neither accepts nor refuses', async () => {
    const session = await signIn(app.http, await createPerson(admin));
    expect(await verdict(session.http)).toBe('accepted');
    const lock = await connectTo(app.database);
    await lock.query('BEGIN; LOCK TABLE validity_clock IN ACCESS EXCLUSIVE MODE');
    const since = performance.now();
    const answers = await Promise.all(Array.from({ length: 5 }, () => session.http.get('/v1/auth/me')));
    expect(performance.now() - since).toBeGreaterThan(1_000);
    for (const { status, headers, body } of answers) {
      expect([status, body['code']]).toEqual([503, 'unavailable']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await lock.query('ROLLBACK');
    await lock.end();
    expect(await verdict(session.http)).toBe('accepted');
  });

  it('since an older backup was restored refuses what it never saw, and goes on', async () => {
    await disabled();
    const session = await signIn(app.http, await createPerson(admin));
    for (const at of [app, other]) expect(await verdict(at.http.as(session.accessToken))).toBe('accepted');
    // The tail of the history is gone.
    await sql(`DELETE FROM validity_events WHERE seq >= (SELECT max(seq) FROM validity_events)`);
    await sql('UPDATE validity_clock SET seq = (SELECT max(seq) FROM validity_events)');
    for (const at of [app, other]) {
      expect(await verdict(at.http.as(session.accessToken))).toBe('401 not_yet_valid');
      expect(await verdict(at.http.as((await renewed(session)).accessToken))).toBe('accepted');
    }
  });
});

describe('an instance that may be a little behind', () => {
  it('refuses soon all the same', async () => {
    const lenient = await startApp({ database: app.database, env: { PORTCULLIS_MAX_STALENESS_MS: '5000' } });
    const person = await createPerson(admin);
    const { accessToken } = await signIn(app.http, person);
    const http = lenient.http.as(accessToken);
    expect(await verdict(http)).toBe('accepted');
    await admin.post(`/v1/users/${person.id}/disable`);
    await until('it has looked', async () => (await verdict(http)) === '401 user_disabled', 4_000);
    await lenient.close();
  });
});
