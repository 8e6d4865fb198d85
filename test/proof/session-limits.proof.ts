import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { codeOf, enrol, forgetSteps, mfaToken, type Enrolled } from '../support/factors.js';
import type { Answer } from '../support/http.js';
import { createPerson, signedIn, type Person } from '../support/people.js';
import { SoftwarePasskey } from '../support/software-passkey.js';

jest.setTimeout(120_000);

const LIMIT = 5;
const ROUNDS = 5;
const AT_ONCE = 40;
const WAYS_ROUNDS = 6;
const ISSUER = 'http://localhost:3000';
const OWN_PAGE = { origin: ISSUER };

let apps: TestApp[];
let person: Person;

beforeAll(async () => {
  const env = { PORTCULLIS_MAX_SESSIONS_PER_USER: String(LIMIT), PORTCULLIS_ISSUER: ISSUER };
  const first = await startApp({ env });
  apps = [first, await startApp({ env, database: first.database })];
  person = await createPerson(await first.admin());
});
afterAll(async () => {
  for (const app of [...apps].reverse()) await app.close();
});

const nth = (n: number): TestApp => apps[n % apps.length] as TestApp;
const who = () => ({ username: person.username, password: person.password });

async function liveSessions(): Promise<number> {
  const [row] = await nth(0).database.query<{ live: number }>(
    'SELECT count(*)::integer AS live FROM live_sessions WHERE user_id = $1',
    [person.id],
  );
  return row?.live ?? NaN;
}

describe('the limit of sessions', () => {
  it(`holds for ${AT_ONCE} logins at once on two instances, and the tokens of no others are accepted`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, n) => nth(n).http.post<Record<string, string>>('/v1/auth/login', who())),
      );
      // One that others have pushed out before its token was made is told as any other that ended on the way.
      expect(answers.filter(({ status }) => ![200, 401].includes(status))).toEqual([]);
      expect(await liveSessions()).toBe(LIMIT);
      const tokens = answers.filter(({ status }) => status === 200).map(({ body }) => String(body['access_token']));
      for (const app of apps) {
        const verdicts = await Promise.all(
          tokens.map(async (token) => (await app.http.as(token).get('/v1/auth/me')).status),
        );
        expect(verdicts.filter((status) => status === 200)).toHaveLength(LIMIT);
        expect(verdicts.filter((status) => status === 401)).toHaveLength(tokens.length - LIMIT);
      }
    }
    console.log(`proof: ${ROUNDS} times ${AT_ONCE} logins at once on 2 instances left ${LIMIT} sessions each time`);
  });
});

describe('the cookie of a browser with many tabs', () => {
  const refresh = (n: number, cookie: string): Promise<Response> =>
    fetch(`${nth(n).url}/v1/auth/refresh`, { method: 'POST', headers: { ...OWN_PAGE, cookie } });
  const cookieOf = (response: Response): string => response.headers.get('set-cookie')?.split(';')[0] ?? '';

  it('is refreshed by fifty requests at once to one and the same successor', async () => {
    const login = await fetch(`${nth(0).url}/v1/auth/login`, {
      method: 'POST',
      headers: { ...OWN_PAGE, 'content-type': 'application/json' },
      body: JSON.stringify({ ...who(), mode: 'cookie' }),
    });
    let cookie = cookieOf(login);
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => refresh(n, cookie)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const successors = new Set(answers.map(cookieOf));
      expect(successors.size).toBe(1);
      const [next = ''] = successors;
      expect(next).not.toBe(cookie);
      cookie = next;
    }
  });
});

describe('the limit of sessions, by different ways at once,', () => {
  type Body = Record<string, unknown>;
  const post = (n: number, path: string, body: object): Promise<Answer<Body>> => nth(n).http.post(path, body);
  const optionsOf = ({ status, body }: Answer<Body>): Body => {
    expect([status, body['code']]).toEqual([200, undefined]);
    return body['options'] as Body;
  };

  /** Somebody with an app, recovery codes and nine passkeys. */
  interface Equipped {
    who: Enrolled;
    passkeys: SoftwarePasskey[];
  }
  type Send = () => Promise<Answer>;

  async function wellEquipped(): Promise<Equipped> {
    const who = await enrol(nth(0), person);
    let { http } = who.session;
    const passkeys: SoftwarePasskey[] = [];
    while (passkeys.length < 9) {
      const passkey = new SoftwarePasskey(ISSUER);
      const credential = passkey.create(optionsOf(await http.post('/v1/auth/mfa/passkey/start', {})));
      const { status, body } = await http.post('/v1/auth/mfa/passkey/confirm', { credential });
      expect(status).toBe(200);
      http = signedIn(nth(0).http, body).http;
      passkeys.push(passkey);
    }
    return { who, passkeys };
  }

  /** The last step of a login by a code or a passkey beside the password. */
  async function secondStep({ who, passkeys }: Equipped, round: number): Promise<Send> {
    await forgetSteps(nth(0), who);
    const proof = { mfa_token: await mfaToken(nth(round), who) };
    if (round % 3 === 0) return () => post(round, '/v1/auth/mfa/totp', { ...proof, code: codeOf(who.secret) });
    if (round % 3 === 1)
      return () => post(round, '/v1/auth/mfa/recovery', { ...proof, code: who.recoveryCodes[round] });
    const credential = passkeys.at(-1)?.get(optionsOf(await post(round, '/v1/auth/mfa/passkey/options', proof)));
    return () => post(round, '/v1/auth/mfa/passkey', { ...proof, credential });
  }

  /** What is to be sent at once: all that comes before has been done. */
  async function lastSteps(equipped: Equipped, round: number): Promise<Send[]> {
    const { who, passkeys } = equipped;
    const alone = passkeys.slice(0, -1).map(async (passkey, n): Promise<Send> => {
      const credential = passkey.get(optionsOf(await post(n, '/v1/auth/passkey/options', {})));
      return () => post(n, '/v1/auth/passkey/login', { credential });
    });
    // Another question for a factor takes the place of the one before: where these come first, the second step is refused.
    const password = () => post(round, '/v1/auth/login', { username: who.username, password: who.password });
    const first = round % 2 === 0 ? [] : [password, password];
    return [await secondStep(equipped, round), ...(await Promise.all(alone)), ...first];
  }

  it('holds, no login waits for another that waits for it, and none fails for the service', async () => {
    const equipped = await wellEquipped();
    const deadlocks = async (): Promise<number> => {
      const [row] = await nth(0).database.query<{ count: number }>(
        'SELECT deadlocks::integer AS count FROM pg_stat_database WHERE datname = current_database()',
      );
      return row?.count ?? NaN;
    };
    const before = await deadlocks();
    const tally: Record<number, number> = {};
    for (let round = 0; round < WAYS_ROUNDS; round++) {
      const steps = await lastSteps(equipped, round);
      const answers = await Promise.all(steps.map((send) => send()));
      for (const { status } of answers) tally[status] = (tally[status] ?? 0) + 1;
      expect(answers.filter(({ status }) => ![200, 401].includes(status))).toEqual([]);
      if (round % 2 === 0) expect(answers[0]).not.toMatchObject({ body: { code: 'invalid_token' } });
      expect(await liveSessions()).toBe(LIMIT);
    }
    console.log(`proof: logins by passkeys, recovery codes and an app at once at the limit: ${JSON.stringify(tally)}`);
    expect(tally[200]).toBeGreaterThan(WAYS_ROUNDS * LIMIT);
    expect(await deadlocks()).toBe(before);
  });
});
