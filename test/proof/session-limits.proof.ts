import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { createPerson, type Person } from '../support/people.js';

jest.setTimeout(120_000);

const LIMIT = 5;
const ROUNDS = 5;
const AT_ONCE = 40;
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
