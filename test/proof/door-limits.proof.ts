import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { ADMIN } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, signIn } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';

jest.setTimeout(300_000);

const FAILURES = 10;
const LOCKED_SECONDS = 900;
const ADDRESS_LIMIT = 60;
const LOGIN = '/v1/auth/login';

describe('lockout and rate limits, on instances that are processes of their own', () => {
  let database: TestDatabase;
  let admin: HttpClient;
  /** Behind proxies that are trusted: this machine, and a second one. */
  let proxied: HttpClient[];
  /** What they are asked comes to them directly, for all they know. */
  let direct: HttpClient[];
  /** Behind a proxy that is somewhere else. */
  let elsewhere: HttpClient;
  const processes: ServiceProcess[] = [];

  async function start(env: Record<string, string>): Promise<HttpClient> {
    const service = await ServiceProcess.start({
      DATABASE_URL: database.url,
      PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
      PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
      PORTCULLIS_ARGON2_MEMORY_KIB: '64',
      PORTCULLIS_ARGON2_ITERATIONS: '1',
      PORTCULLIS_LOG_LEVEL: 'warn',
      ...env,
    });
    processes.push(service);
    return service.http;
  }
  beforeAll(async () => {
    database = await createDatabase();
    const behind = { PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' };
    proxied = [await start(behind), await start(behind), await start(behind)];
    direct = [await start({}), await start({}), await start({})];
    elsewhere = await start({ PORTCULLIS_TRUSTED_PROXIES: '10.0.0.0/8' });
    const { http } = await signIn(await start({ PORTCULLIS_RATE_LIMITS: 'off' }), ADMIN);
    admin = http;
  });
  afterAll(async () => {
    for (const process of processes) await process.stop();
    await database.drop();
  });

  const guess = (http: HttpClient, name: { username: string }, headers: Record<string, string>, password = 'a guess') =>
    http.post(LOGIN, { ...name, password }, { headers });
  const nth = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
  const count = (statuses: number[], status: number): number => statuses.filter((each) => each === status).length;
  let addresses = 0;
  /** An address that nobody has come from. */
  const freshAddress = (): string => `198.51.${100 + Math.floor(++addresses / 250)}.${addresses % 250}`;

  it.each([2, 3])(
    'ten failures spread over %i instances, from ten addresses, lock an account on each',
    async (instances) => {
      const ann = await createPerson(admin);
      const name = { username: ann.username };
      const spread = proxied.slice(0, instances);
      for (let n = 0; n < FAILURES; n++) {
        expect((await guess(nth(spread, n), name, { 'x-forwarded-for': freshAddress() })).status).toBe(401);
      }
      for (const http of spread) {
        const { status, headers } = await guess(http, name, { 'x-forwarded-for': freshAddress() }, ann.password);
        expect(status).toBe(429);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(LOCKED_SECONDS - 60);
      }
    },
  );

  it.each([2, 3])(
    'of ninety guesses at once on %i instances, from ninety addresses, ten are told that they are wrong',
    async (instances) => {
      for (let round = 0; round < 5; round++) {
        const ann = await createPerson(admin);
        const name = { username: ann.username };
        const answers = await Promise.all(
          Array.from({ length: 90 }, (_, n) =>
            guess(nth(proxied, n % instances), name, { 'x-forwarded-for': freshAddress() }),
          ),
        );
        const statuses = answers.map(({ status }) => status);
        expect([count(statuses, 401), count(statuses, 429)]).toEqual([FAILURES, 90 - FAILURES]);
        const right = await guess(nth(proxied, round), name, { 'x-forwarded-for': freshAddress() }, ann.password);
        expect(right.status).toBe(429);
      }
    },
  );

  /** How many of 150 attempts at once, at names of their own, are heard. */
  async function heard(instances: HttpClient[], headersOf: (n: number) => Record<string, string>): Promise<number> {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, n) => guess(nth(instances, n), { username: `n${randomInt(1e9)}` }, headersOf(n))),
    );
    const statuses = answers.map(({ status }) => status);
    expect(count(statuses, 401) + count(statuses, 429)).toBe(150);
    for (const { status, headers } of answers)
      if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    return count(statuses, 401);
  }

  /** Whatever else proxies and clients have told an address by. */
  const pretending = (n: number): Record<string, string> => ({
    'x-forwarded-for': `203.0.113.${n}`,
    'x-real-ip': `203.0.113.${n}`,
    'x-client-ip': `203.0.113.${n}`,
    'x-cluster-client-ip': `203.0.113.${n}`,
    'cf-connecting-ip': `203.0.113.${n}`,
    'true-client-ip': `203.0.113.${n}`,
    forwarded: `for=203.0.113.${n}`,
  });

  it('without a trusted proxy no header makes an address another one, for the lock nor for the limit', async () => {
    const ann = await createPerson(admin);
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const { status } = await guess(nth(direct, n), { username: ann.username }, pretending(n));
        return status;
      }),
    );
    expect([count(statuses, 401), count(statuses, 429)]).toEqual([FAILURES, 30 - FAILURES]);
    expect(await heard(direct, pretending)).toBe(ADDRESS_LIMIT - 30);
    for (const http of [...direct, elsewhere]) {
      const { status } = await guess(http, { username: 'admin' }, pretending(200), ADMIN.password);
      expect(status).toBe(429);
    }
  });

  it.each([2, 3])(
    'behind a trusted proxy, of %i instances, the right-most address that is not a proxy counts',
    async (instances) => {
      const some = proxied.slice(0, instances);
      const ann = await createPerson(admin);
      const forms: [string, (n: number, address: string) => string][] = [
        ['alone', (_, address) => address],
        ['after what the client made up', (n, address) => `203.0.113.${n}, ${address}`],
        ['after what pretends to be a proxy', (n, address) => `203.0.113.${n}, 10.1.2.${n}, ${address}`],
        ['before a second proxy', (n, address) => `203.0.113.${n}, ${address}, 10.1.2.${n}`],
        ['after no address at all', (n, address) => `${n}, unknown, ,${address}`],
        ['as IPv6 that means IPv4', (n, address) => (n % 2 === 0 ? address : `::ffff:${address}`)],
      ];
      const figures: string[] = [];
      for (const [form, headerOf] of forms) {
        const address = freshAddress();
        const attempts = await heard(some, (n) => ({ ...pretending(n), 'x-forwarded-for': headerOf(n, address) }));
        figures.push(`${form} ${attempts}`);
        expect([form, attempts]).toEqual([form, ADDRESS_LIMIT]);
        // Who shares nothing with it but the proxy is let in.
        const other = await guess(
          nth(some, 1),
          { username: ann.username },
          { 'x-forwarded-for': freshAddress() },
          ann.password,
        );
        expect(other.status).toBe(200);
      }
      const network = `2001:db8:${instances}:${randomInt(1e4)}`;
      const attempts = await heard(some, (n) => ({
        'x-forwarded-for': `${network}:${(n * 7919).toString(16).slice(-4)}::${n + 1}`,
      }));
      expect(attempts).toBe(ADDRESS_LIMIT);
      console.log(
        `proof: of 150 attempts at once, on ${instances} instances behind a proxy, heard by the form of the address: ${figures.join(', ')}, of one IPv6 network ${attempts}`,
      );
    },
  );
});
