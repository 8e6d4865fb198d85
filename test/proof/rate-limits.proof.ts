import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, HttpClient } from '../support/http.js';
import { createPerson, signIn } from '../support/people.js';
import { canRun } from './support/debian-programs.js';
import { KeepAlive } from './support/keep-alive.js';
import { RedisServer } from './support/redis-server.js';
import { quantile } from './support/statistics.js';

jest.setTimeout(120_000);

const FAILURES = 10;
const QUOTA_OF_ATTEMPTS = 60;
const QUOTA_OF_SITE = 20 * QUOTA_OF_ATTEMPTS;
const QUOTA_OF_API = 6_000;
const LOGIN = '/v1/auth/login';

const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status);
const count = (statuses: readonly number[], status: number) => statuses.filter((each) => each === status).length;

describe('the requests of one caller', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { PORTCULLIS_RATE_LIMITS: 'on', PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1' } });
  });
  afterAll(() => app.close());

  it('are refused beyond the quota, and those of nobody else', async () => {
    const admin = await app.admin();
    const [busy, other] = [await signIn(app.http, await createPerson(admin)), admin];
    const statuses: number[] = [];
    const ask = async (): Promise<void> => {
      const connection = await KeepAlive.open(app.url);
      while (statuses.length < QUOTA_OF_API + 20) {
        statuses.push(await connection.get('/v1/users/none', busy.accessToken));
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: 32 }, ask));
    const refused = count(statuses, 429);
    expect(refused + count(statuses, 403)).toBe(statuses.length);
    expect(statuses.length - refused).toBe(QUOTA_OF_API);
    const { status, headers, body } = await busy.http.get('/v1/auth/me');
    expect([status, body['code']]).toEqual([429, 'too_many_requests']);
    expect(headers.get('ratelimit')).toMatch(/^"api";r=0;t=\d+$/);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await other.get('/v1/auth/me')).status).toBe(200);
  });

  it('are refused beyond twenty quotas when they come from each of the networks that one IPv6 site has', async () => {
    const statuses: number[] = [];
    let networks = 0;
    const from = async (address: string): Promise<number> => {
      // Counted before it is looked at.
      const { status } = await app.http.post(LOGIN, {}, { headers: { 'x-forwarded-for': address } });
      return status;
    };
    const attack = async (): Promise<void> => {
      while (networks < QUOTA_OF_SITE + 50) statuses.push(await from(`2001:db8:7:${(++networks).toString(16)}::1`));
    };
    await Promise.all(Array.from({ length: 16 }, attack));
    expect([count(statuses, 400), count(statuses, 429)]).toEqual([QUOTA_OF_SITE, statuses.length - QUOTA_OF_SITE]);
    expect([await from('2001:db8:8::1'), await from('192.0.2.1')]).toEqual([400, 400]);
  });

  it.each([
    ['an address with a port', (n: number) => `192.0.2.55:${n}`],
    ['an IPv6 address with a port', (n: number) => `[2001:db8:9::${n.toString(16)}]:${n}`],
    ['what is no address', (n: number) => `unknown-${n}`],
  ])('are counted as one when proxies note %s', async (_, noted) => {
    const statuses: number[] = [];
    for (let n = 1; n <= QUOTA_OF_ATTEMPTS + 5; n++) {
      const { status } = await app.http.post(LOGIN, {}, { headers: { 'x-forwarded-for': noted(n) } });
      statuses.push(status);
    }
    expect(count(statuses, 429)).toBeGreaterThanOrEqual(5);
  });
});

if (canRun('redis-server', 'the proof that limits hold in Redis')) {
  describe('limits in Redis', () => {
    let redis: RedisServer;
    let apps: TestApp[];
    let admin: HttpClient;

    beforeAll(async () => {
      redis = await RedisServer.start();
      const env = { REDIS_URL: redis.url, PORTCULLIS_RATE_LIMITS: 'on', PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1' };
      const first = await startApp({ env });
      apps = [first, await startApp({ env, database: first.database })];
      admin = await first.admin();
    });
    afterAll(async () => {
      for (const app of [...apps].reverse()) await app.close();
      await redis.kill();
    });

    let addresses = 0;
    /** From an address that nobody has come from, through the trusted proxy. */
    const somewhere = () => `198.51.100.${++addresses}`;
    const logIn = (n: number, from: string, who: { username: string; password: string }) =>
      (apps[n % apps.length] as TestApp).http.post(LOGIN, who, { headers: { 'x-forwarded-for': from } });
    const attempts = (from: string, many: number) =>
      Promise.all(
        Array.from({ length: many }, (_, n) => logIn(n, from, { username: `nobody-${n}`, password: 'a guess' })),
      );

    /** Ten wrong ones of thirty are heard, on both instances together; then the right one is refused as well. */
    async function expectLockout(): Promise<void> {
      const { username, password } = await createPerson(admin);
      const guesses = Array.from({ length: 30 }, (_, n) => logIn(n, somewhere(), { username, password: 'a guess' }));
      const statuses = statusesOf(await Promise.all(guesses));
      expect([count(statuses, 401), count(statuses, 429)]).toEqual([FAILURES, 30 - FAILURES]);
      expect(statusesOf([await logIn(0, somewhere(), { username, password })])).toEqual([429]);
    }

    async function expectAddressLimit(): Promise<void> {
      const statuses = statusesOf(await attempts(somewhere(), QUOTA_OF_ATTEMPTS + 20));
      expect([count(statuses, 401), count(statuses, 429)]).toEqual([QUOTA_OF_ATTEMPTS, 20]);
    }

    it('hold for all instances together, and tell what is left', async () => {
      await expectAddressLimit();
      await expectLockout();
      const from = somewhere();
      const left: string[] = [];
      for (let n = 0; n < 3; n++) {
        const { headers } = await logIn(n, from, { username: 'nobody', password: 'a guess' });
        expect(headers.get('ratelimit-policy')).toBe('"attempts";q=60;w=60');
        left.push(headers.get('ratelimit') ?? '');
      }
      expect(left.map((text) => /r=(\d+)/.exec(text)?.[1])).toEqual(['59', '58', '57']);
      const kinds = new Set((await redis.keys()).map((key) => key.split(':').slice(0, 2).join(':')));
      expect(kinds).toEqual(new Set(['portcullis:attempts', 'portcullis:lockout']));
      // Neither names nor passwords are in it.
      expect((await redis.keys()).filter((key) => /nobody|guess/.test(key))).toEqual([]);
    });

    it('hold all the same when it stands still, is gone, and is back', async () => {
      const durations: number[] = [];
      const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
        const from = performance.now();
        const { status } = await logIn(0, somewhere(), { username: 'nobody', password: 'a guess' });
        durations.push(performance.now() - from);
        expect([what, status]).toEqual([what, 401]);
        await work();
      };
      redis.freeze();
      await timed('frozen', expectAddressLimit);
      await timed('frozen', expectLockout);
      await redis.kill();
      await timed('gone', expectAddressLimit);
      await timed('gone', expectLockout);
      await redis.start();
      await timed('back', expectAddressLimit);
      await timed('back', expectLockout);
      console.log(
        `proof: a login while Redis is frozen, frozen, gone, gone, back, back: ${durations.map((ms) => ms.toFixed(0)).join(', ')} ms; p50 ${quantile(durations, 0.5).toFixed(0)} ms`,
      );
      expect(Math.max(...durations)).toBeLessThan(10_000);
    });
  });
}
