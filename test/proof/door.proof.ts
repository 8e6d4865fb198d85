import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { accountKey } from '../../src/auth/login-throttle.js';
import { ADMIN, startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, type Person } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { HttpConnection, requestText, type Reply } from './support/http-connection.js';
import { sized } from './support/size.js';
import { median, quantile, quantilesOf } from './support/statistics.js';

jest.setTimeout(600_000);

const FAILURES = 10;
const LOCKED_SECONDS = 900;
const SAMPLES = sized(1_000);
const LOGIN = '/v1/auth/login';

type Name = { username: string } | { email: string };

describe('what a failed login answers', () => {
  let app: TestApp;
  let admin: HttpClient;
  let connection: HttpConnection;
  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    connection = await HttpConnection.open(app.url);
  });
  afterAll(async () => {
    connection.close();
    await app.close();
  });

  /** The whole answer but for what differs by the second and from one request to the next. */
  const telling = (reply: Reply): string =>
    `${reply.head}\n${reply.body}`
      .replace(/(\r\ndate: )[^\r]+/i, '$1…')
      .replace(/(\r\nx-request-id: )[^\r]+/i, '$1…')
      .replace(/"requestId":"[^"]+"/, '"requestId":"…"')
      .replace(/(\r\nretry-after: )(\d+)/i, (_, header: string, seconds: string) =>
        Math.abs(Number(seconds) - LOCKED_SECONDS) < 5 ? `${header}about ${LOCKED_SECONDS}` : `${header}${seconds}`,
      );

  const attempt = async (name: Name, password: string): Promise<string> =>
    telling(await connection.send(requestText('POST', LOGIN, { body: { ...name, password } })));

  /** From the first failure until long after it is locked. */
  async function story(name: Name, password: string): Promise<string[]> {
    const answers: string[] = [];
    for (let n = 0; n < FAILURES + 3; n++) answers.push(await attempt(name, password));
    return answers;
  }

  /** Every kind of account that is not let in, each under a name that has not been tried. */
  const kinds: Record<string, () => Promise<{ person: Person; password: string }>> = {
    known: async () => ({ person: await createPerson(admin), password: 'a wrong password' }),
    unknown: () => {
      const username = `nobody${randomInt(1e9)}`;
      const person = { id: '', username, email: `${username}@example.org`, password: '' };
      return Promise.resolve({ person, password: 'a wrong password' });
    },
    disabled: async () => {
      const person = await createPerson(admin);
      await admin.post(`/v1/users/${person.id}/disable`);
      return { person, password: 'a wrong password' };
    },
    'disabled, with the right password': async () => {
      const { person } = await (kinds['disabled'] as () => Promise<{ person: Person }>)();
      return { person, password: person.password };
    },
    'without a password': async () => {
      const person = await createPerson(admin);
      await app.database.query('UPDATE users SET password_hash = NULL WHERE id = $1', [person.id]);
      return { person, password: person.password };
    },
    deleted: async () => {
      const person = await createPerson(admin);
      await admin.delete(`/v1/users/${person.id}`);
      return { person, password: person.password };
    },
  };
  const spellings: Record<string, (person: Person) => Name> = {
    'by name': ({ username }) => ({ username }),
    'by e-mail': ({ email }) => ({ email }),
    'by e-mail as the name': ({ email }) => ({ username: email }),
    'in capitals': ({ username }) => ({ username: username.toUpperCase() }),
  };

  it('is the same for every kind of account, until it is locked and afterwards: status, headers and body', async () => {
    const stories: Record<string, string[]> = {};
    for (const [kind, make] of Object.entries(kinds)) {
      for (const [spelling, nameOf] of Object.entries(spellings)) {
        const { person, password } = await make();
        stories[`${kind}, ${spelling}`] = await story(nameOf(person), password);
      }
    }
    const [expected = [], ...others] = Object.values(stories);
    const statuses = expected.map((answer) => Number(answer.slice(9, 12)));
    expect(statuses).toEqual([...Array<number>(FAILURES).fill(401), 429, 429, 429]);
    expect(new Set(expected.slice(0, FAILURES)).size).toBe(1);
    expect(new Set(expected.slice(FAILURES)).size).toBe(1);
    for (const answers of others) expect(answers).toEqual(expected);
    console.log(
      `proof: ${Object.keys(stories).length} stories of ${FAILURES + 3} failed logins, all alike:\n${expected[0]}\n\n${expected.at(-1)}`,
    );
  });

  it('is the same to the right password of a locked account as to any at a locked name that nobody has', async () => {
    const { person } = await (kinds['known'] as () => Promise<{ person: Person }>)();
    const ghost = { username: 'locked-ghost' };
    for (const name of [{ username: person.username }, ghost]) await story(name, 'a wrong password');
    expect(await attempt({ username: person.username }, person.password)).toBe(await attempt(ghost, 'any password'));
  });
});

describe('how long a failed login takes', () => {
  let database: TestDatabase;
  let service: ServiceProcess;
  beforeAll(async () => {
    database = await createDatabase();
    // The default parameters of argon2: what a guess really costs, and what differences must be seen against.
    service = await ServiceProcess.start({
      DATABASE_URL: database.url,
      PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_LOG_LEVEL: 'warn',
    });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** Accounts whose password is the admin's, and takes as long to check. */
  const addUsers = (prefix: string, status: 'active' | 'disabled') =>
    database.query(
      `INSERT INTO users (id, username, email, password_hash, status)
       SELECT gen_random_uuid(), $1 || n, $1 || n || '@example.org', (SELECT password_hash FROM users WHERE username = 'admin'), $2
       FROM generate_series(0, $3::integer - 1) n`,
      [prefix, status, SAMPLES],
    );

  const lock = (names: Name[]) =>
    database.query(
      `INSERT INTO rate_limits (key, points, expire)
       SELECT 'lockout:' || key, $2, extract(epoch FROM now()) * 1000 + $3 FROM unnest($1::text[]) key`,
      [names.map(accountKey), FAILURES + 1, LOCKED_SECONDS * 1000],
    );

  interface Sample {
    kind: string;
    name: Name;
    password: string;
  }

  /** Each name is tried once: failures would add up, and lock it. Half are names and half are addresses. */
  function samples(kindOf: (n: number) => [prefix: string, kind: string, password: string]): Sample[] {
    return Array.from({ length: SAMPLES }, (_, n) => {
      const [prefix, kind, password] = kindOf(n);
      const username = `${prefix}${n}`;
      return { kind, name: n % 2 === 0 ? { username } : { email: `${username}@example.org` }, password };
    });
  }

  it(`tells nothing: ${SAMPLES} samples each, medians within 5 %`, async () => {
    for (const prefix of ['known', 'locked']) await addUsers(prefix, 'active');
    await addUsers('disabled', 'disabled');
    const wrong = 'a wrong password';
    const right = ADMIN.password;
    const lockedKinds: [string, string, string][] = [
      ['nobody', 'locked, unknown', wrong],
      ['locked', 'locked', wrong],
      ['nobody', 'locked, unknown', wrong],
      ['locked', 'locked, right password', right],
    ];
    const groups = [
      samples(() => ['known', 'known', wrong]),
      samples(() => ['unknown', 'unknown', wrong]),
      samples((n) => (n % 4 < 2 ? ['disabled', 'disabled', wrong] : ['disabled', 'disabled, right password', right])),
      samples((n) => lockedKinds[(n >> 1) % 4] ?? ['', '', '']),
    ];
    await lock((groups[3] ?? []).map(({ name }) => name));
    // In random order, but all groups at the same pace: what else the machine does then hits all alike.
    const all = Array.from({ length: SAMPLES }, (_, n) => shuffled(groups.flatMap((group) => group[n] ?? []))).flat();

    const connection = await HttpConnection.open(service.http.url);
    const ask = ({ name, password }: Omit<Sample, 'kind'>) =>
      connection.send(requestText('POST', LOGIN, { body: { ...name, password } }));
    for (let n = 0; n < 100; n++) await ask({ name: { username: `warming-up-${n}` }, password: wrong });
    const times = new Map<string, number[]>();
    for (const sample of all) {
      const since = performance.now();
      const { status } = await ask(sample);
      const took = performance.now() - since;
      expect(status).toBe(sample.kind.startsWith('locked') ? 429 : 401);
      times.set(sample.kind, [...(times.get(sample.kind) ?? []), took]);
    }
    connection.close();

    const medians = [...times].map(([kind, of]) => ({ kind, of, ms: median(of) }));
    const spreadOf = (which: RegExp): number => {
      const ms = medians.filter(({ kind }) => which.test(kind)).map((each) => each.ms);
      return (Math.max(...ms) / Math.min(...ms) - 1) * 100;
    };
    const lines = medians.map(
      ({ kind, of, ms }) =>
        `  ${kind}: median ${ms.toFixed(2)} ms of ${of.length} (fastest tenth below ${quantile(of, 0.1).toFixed(2)} ms, ${quantilesOf(of)})`,
    );
    // Whose answer is 429 spares two writes. That tells no more than the 429 does, which a name that nobody has gets as well.
    const spreads = { 401: spreadOf(/^(?!locked)/), 429: spreadOf(/^locked/), all: spreadOf(/^/) };
    console.log(
      `proof: failed logins at the default cost of argon2, target 5 %: medians differ by ${spreads[401].toFixed(1)} % among those answered 401, by ` +
        `${spreads[429].toFixed(1)} % among those answered 429, by ${spreads.all.toFixed(1)} % in all\n${lines.join('\n')}`,
    );
    // More than that would tell names apart; that few samples on a busy machine tell no finer.
    for (const spread of [spreads[401], spreads[429]]) expect(spread).toBeLessThan(4 * 5);
  });
});

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: randomInt(1e9) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
