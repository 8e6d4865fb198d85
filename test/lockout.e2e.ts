import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accountKey } from '../src/auth/login-throttle.js';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';

const FAILURES = 10;

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

const guess = (name: object, { http }: TestApp = app) => http.post('/v1/auth/login', { ...name, password: 'a guess' });

/** Fails so often that the account is locked, under each of the names in turn. */
async function lock(...names: object[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let n = 0; n < FAILURES; n++)
    answers.push(await guess(names[n % names.length] ?? {}, n % 2 === 0 ? app : other));
  return answers;
}

function expectLocked({ status, headers, body }: Answer<Record<string, unknown>>): void {
  expect([status, body['code']]).toEqual([429, 'too_many_requests']);
  const retryAfter = Number(headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThan(890);
  expect(retryAfter).toBeLessThanOrEqual(900);
}

const statusesOf = (answers: { status: number }[]) => answers.map(({ status }) => status);
const loginOf = ({ username, password }: Person) => ({ username, password });

describe('an account', () => {
  it('is locked after ten failures under a name, however spelt, on every instance, for the right password too', async () => {
    const ann = await createPerson(admin);
    const names = [{ email: ann.email }, { email: ann.email.toUpperCase() }, { username: ann.email }];
    expect(new Set(statusesOf(await lock(...names)))).toEqual(new Set([401]));
    for (const { http } of [app, other]) {
      expectLocked(await http.post('/v1/auth/login', { email: ann.email, password: ann.password }));
    }
    for (const name of names) expectLocked(await guess(name));
  });

  it('cannot be told from none by the count that its names might share', async () => {
    const ann = await createPerson(admin);
    const ghost = { username: 'ghost', email: 'ghost@example.org' };
    const sequence = async ({ username, email }: { username: string; email: string }): Promise<number[]> => {
      const names = [
        { username },
        { email },
        { username: username.toUpperCase() },
        { username: email },
        { email: username },
      ];
      const answers: Answer[] = [];
      for (let n = 0; n < 3 * FAILURES; n++) answers.push(await guess(names[n % names.length] ?? {}));
      return statusesOf(answers);
    };
    expect(await sequence(ann)).toEqual(await sequence(ghost));
  });

  it('that nobody has is locked like one that somebody has', async () => {
    expect(new Set(statusesOf(await lock({ username: 'nobody' }, { username: 'NOBODY' })))).toEqual(new Set([401]));
    expectLocked(await guess({ username: 'nobody' }));
    expect((await guess({ username: 'somebody-else' })).status).toBe(401);
  });

  it('is the same one by all letters that only look-ups take for the same', async () => {
    const ann = await createPerson(admin);
    const name = `i${ann.username}`;
    expect((await admin.patch(`/v1/users/${ann.id}`, { username: name })).status).toBe(200);
    const names = [name, name.replace('i', 'İ'), name.replace('i', 'I')];
    await lock(...names.map((username) => ({ username })));
    for (const username of names) {
      expectLocked(await app.http.post('/v1/auth/login', { username, password: ann.password }));
    }
  });

  it('that is disabled is locked like any other', async () => {
    const ann = await createPerson(admin);
    await admin.post(`/v1/users/${ann.id}/disable`);
    for (let n = 0; n < FAILURES; n++) expect((await app.http.post('/v1/auth/login', loginOf(ann))).status).toBe(401);
    expectLocked(await app.http.post('/v1/auth/login', loginOf(ann)));
  });

  it('is not locked by nine failures, and a success forgets them', async () => {
    const ann = await createPerson(admin);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < FAILURES - 1; n++) expect((await guess({ username: ann.username })).status).toBe(401);
      expect((await app.http.post('/v1/auth/login', loginOf(ann))).status).toBe(200);
    }
  });

  it('keeps its sessions while it is locked, and is open again afterwards', async () => {
    const ann = await createPerson(admin);
    const { http } = await signIn(app.http, ann);
    await lock({ username: ann.username });
    expect(await verdict(http)).toBe('accepted');
    await app.database.query(`UPDATE rate_limits SET expire = expire - 900000 WHERE key = 'lockout:' || $1`, [
      accountKey({ username: ann.username }),
    ]);
    expect((await app.http.post('/v1/auth/login', loginOf(ann))).status).toBe(200);
  });

  it('is locked for the whole time from the last failure on', async () => {
    const ann = await createPerson(admin);
    for (let n = 0; n < FAILURES - 1; n++) await guess({ username: ann.username });
    await app.database.query(`UPDATE rate_limits SET expire = expire - 800000 WHERE key = 'lockout:' || $1`, [
      accountKey({ username: ann.username }),
    ]);
    await guess({ username: ann.username });
    expectLocked(await guess({ username: ann.username }));
  });

  it('is told of in the audit trail once', async () => {
    const ann = await createPerson(admin);
    await Promise.all(Array.from({ length: 30 }, () => guess({ username: ann.username })));
    const rows = await app.database.query<{ action: string; count: number }>(
      'SELECT action, count(*)::int FROM audit_events WHERE target_id = $1 GROUP BY 1 ORDER BY 1',
      [ann.id],
    );
    expect(rows).toEqual([
      { action: 'account.locked', count: 1 },
      { action: 'login.failed', count: FAILURES },
      { action: 'user.created', count: 1 },
    ]);
  });
});

describe('guesses at once', () => {
  it.each([0, 9, 25, 49])('of fifty tell no more than ten one after the other (number %i is right)', async (right) => {
    const ann = await createPerson(admin);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        const { http } = n % 2 === 0 ? app : other;
        return http.post(
          '/v1/auth/login',
          n === right ? loginOf(ann) : { username: ann.username.toUpperCase(), password: 'a guess' },
        );
      }),
    );
    const statuses = statusesOf(answers);
    const success = statuses[right] === 200;
    expect(statuses[right]).toBe(success ? 200 : 429);
    expect(statuses.every((status) => [200, 401, 429].includes(status))).toBe(true);
    const failures = statuses.filter((status) => status === 401).length;
    // A success forgets the failures before it.
    if (success) expect(failures).toBeLessThanOrEqual(2 * FAILURES);
    else {
      expect(failures).toBe(FAILURES);
      expectLocked(await app.http.post('/v1/auth/login', loginOf(ann)));
    }
  });

  it('of the current password, by someone who has a token, are counted all the same', async () => {
    const ann = await createPerson(admin);
    const { http } = await signIn(app.http, ann);
    const change = (currentPassword: string) =>
      http.post('/v1/auth/password/change', { currentPassword, newPassword: 'a wholly new password' });
    const statuses = statusesOf(await Promise.all(Array.from({ length: 30 }, () => change('a guess'))));
    expect(statuses.filter((status) => status === 401)).toHaveLength(FAILURES);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
    expectLocked(await change(ann.password));
    // Logins are counted apart: whoever has a token cannot lock its owner out.
    expect((await app.http.post('/v1/auth/login', loginOf(ann))).status).toBe(200);
  });
});

describe('rate limits', () => {
  it('count the attempts of an address, whoever it tries to be', async () => {
    const limited = await startApp({ database: app.database, env: { PORTCULLIS_RATE_LIMITS: 'on' } });
    const attempts = await Promise.all(
      Array.from({ length: 62 }, (_, n) => guess({ username: `somebody-${n.toString()}` }, limited)),
    );
    const refused = attempts.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(2);
    const retryAfter = Number(refused[0]?.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    const ann = await createPerson(admin);
    expect((await limited.http.post('/v1/auth/login', loginOf(ann))).status).toBe(429);
    // The instance without limits still lets people in.
    expect((await app.http.post('/v1/auth/login', loginOf(ann))).status).toBe(200);
    // Those of who logs in are counted with the others; who is in, apart from them.
    const me = await (await app.admin()).get('/v1/auth/me');
    expect([me.status, me.headers.get('ratelimit')]).toEqual([200, null]);
    await limited.close();
  });

  it('tell what is left, and hold each caller to what is theirs', async () => {
    const limited = await startApp({ env: { PORTCULLIS_RATE_LIMITS: 'on' } });
    const { headers } = await guess({ username: 'somebody' }, limited);
    expect([headers.get('ratelimit-policy'), headers.get('ratelimit')]).toEqual([
      '"attempts";q=60;w=60',
      '"attempts";r=59;t=60',
    ]);
    const callers = [
      await limited.admin(),
      (await signIn(limited.http, await createPerson(await limited.admin()))).http,
    ];
    for (const caller of callers) {
      const me = await caller.get('/v1/auth/me');
      expect([me.status, me.headers.get('ratelimit-policy')]).toEqual([200, '"api";q=6000;w=60']);
    }
    const [first, second] = await Promise.all(callers.map((caller) => caller.get('/v1/auth/me')));
    // The admin created the other one as well.
    expect([first?.headers.get('ratelimit'), second?.headers.get('ratelimit')]).toEqual([
      '"api";r=5997;t=60',
      '"api";r=5998;t=60',
    ]);
    await limited.close();
  });

  it('hold whoever is in an account to few changes of it, so that no notice of one is buried, and nobody else is mailed', async () => {
    const limited = await startApp({ env: { PORTCULLIS_RATE_LIMITS: 'on' } });
    const ann = await createPerson(await limited.admin());
    const [here, there] = [await signIn(limited.http, ann), await signIn(limited.http, ann)];
    const renew = ({ http }: typeof here) => http.post('/v1/auth/mfa/recovery-codes');
    const renewals = [];
    for (let n = 0; n < 20; n++) renewals.push(await renew(n % 2 === 0 ? here : there));
    expect(new Set(renewals.map(({ body }) => body['code']))).toEqual(new Set(['no_factor']));
    expect(renewals[1]?.headers.get('ratelimit-policy')).toBe('"credentials";q=20;w=3600');
    expect(renewals[1]?.headers.get('ratelimit')).toMatch(/^"credentials";r=18;t=3\d{3}$/);
    const passwords = { currentPassword: ann.password, newPassword: 'violet otters juggle lanterns' };
    for (const refused of [await renew(here), await there.http.post('/v1/auth/password/change', passwords)]) {
      expect([refused.status, refused.headers.get('ratelimit')]).toEqual([
        429,
        expect.stringMatching(/^"credentials";r=0;/),
      ]);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_000);
    }
    // It is theirs alone, and does not hold up what needs no session.
    expect((await renew(await signIn(limited.http, await createPerson(await limited.admin())))).status).toBe(409);
    expect((await limited.http.post('/v1/auth/password/forgot', { email: ann.email })).status).toBe(202);
    expect((await here.http.get('/v1/auth/me')).status).toBe(200);

    const { password: currentPassword } = ann;
    const moves: number[] = [];
    for (let n = 0; n < 6; n++) {
      const newEmail = `stranger-${n}@example.org`;
      moves.push((await here.http.post('/v1/auth/email/change', { newEmail, currentPassword })).status);
    }
    expect(moves).toEqual([202, 202, 202, 202, 202, 429]);
    await limited.close();
  });
});
