import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createVerifier, VerificationError, type CatchUp } from '@portcullis/verifier';
import { ADMIN } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { createAudience, createClient, clientToken, type RegisteredClient } from '../support/oauth.js';
import { createPerson, signIn, type SignedIn } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { CompressingProxy, type Encoding } from './support/compressing-proxy.js';
import type { Loaded, Loading } from './support/follower-process.js';
import { Forked } from './support/fork-typescript.js';
import { requestText } from './support/http-connection.js';
import { readMetrics } from './support/metrics.js';
import { Probe } from './support/probe.js';
import { quantile, quantilesOf } from './support/statistics.js';
import type { Delivery, Following } from './support/subscribers-process.js';

jest.setTimeout(300_000);

const ISSUER = 'http://localhost:3000';
const SUBSCRIBERS = 1_000;
const CHANGES = 12;
const ENTRIES = 1_000_000;
/** Targets in ms; ten times as much fails. */
const TARGETS = { delivery: 500, start: 20_000, loading: 15_000, guarded: 100 };
/** More (MiB) is not bounded. */
const MOST_MEMORY = { service: 1_500, follower: 1_500 };
const MIB = 2 ** 20;

/** A service, and what is needed to follow it. */
interface Scene {
  database: TestDatabase;
  service: ServiceProcess;
  admin: SignedIn;
  audience: string;
  client: RegisteredClient;
}

const systemClock = (): number => Number(process.hrtime.bigint()) / 1e6;

async function open(database: TestDatabase): Promise<Scene> {
  const service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    PORTCULLIS_ISSUER: ISSUER,
    PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    PORTCULLIS_RATE_LIMITS: 'off',
    PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
    PORTCULLIS_ARGON2_MEMORY_KIB: '64',
    PORTCULLIS_ARGON2_ITERATIONS: '1',
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    PORTCULLIS_ACCESS_TOKEN_TTL: '1h',
  });
  const admin = await signIn(service.http, ADMIN);
  const audience = await createAudience(admin.http);
  const client = await createClient(admin.http, { permissions: ['validity:read'], audiences: [audience] });
  return { database, service, admin, audience, client };
}

async function close({ database, service }: Scene): Promise<void> {
  await service.stop();
  await database.drop();
}

async function metric({ service }: Scene, name: string): Promise<number> {
  return (await readMetrics(service.http)).get(name) ?? NaN;
}

/** Someone's token for the audience of the scene, and the verifier's options. */
async function follower({ service, admin, audience, client }: Scene, url = service.http.url): Promise<Loading> {
  const { username, password } = await createPerson(admin.http);
  const { body } = await service.http.post('/v1/auth/login', { username, password, audience: [audience] });
  const options = { issuer: ISSUER, audience, ...client, urls: [url], maxStaleness: 5_000 };
  return { options, token: String(body['access_token']) };
}

describe('an ordinary window', () => {
  let scene: Scene;
  let subscribers: Forked;
  beforeAll(async () => {
    scene = await open(await createDatabase());
    subscribers = Forked.start('subscribers-process.ts');
  });
  afterAll(async () => {
    await subscribers.stop();
    await close(scene);
  });

  it(`is followed by ${SUBSCRIBERS} subscribers of one instance at the price of one encoding per change`, async () => {
    const { service, database, client, admin } = scene;
    const token = await clientToken(service.http, client);
    const { body } = await service.http.as(token).get<CatchUp>('/v1/validity/events');
    const following = { url: service.http.url, token, subscribers: SUBSCRIBERS, after: body.seq, waitSeconds: 20 };
    subscribers.send(following satisfies Following);
    const allWait = () =>
      until('all wait', async () => (await metric(scene, 'portcullis_feed_waiting')) === SUBSCRIBERS, 60_000);
    await allWait();

    const idleFrom = await metric(scene, 'process_cpu_seconds_total');
    await delay(2_000);
    const idle = ((await metric(scene, 'process_cpu_seconds_total')) - idleFrom) / 2;
    const [cpu, encoded] = [
      await metric(scene, 'process_cpu_seconds_total'),
      await metric(scene, 'portcullis_feed_encoded_events_total'),
    ];
    const delays: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const told = subscribers.next<Delivery>();
      await database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', $1, 'proof')`, [
        `change-${change}`,
      ]);
      const committed = systemClock();
      const { key, at } = await told;
      expect({ key, deliveries: at.length }).toEqual({ key: `change-${change}`, deliveries: SUBSCRIBERS });
      delays.push(...at.map((moment) => moment - committed));
      await allWait();
    }
    const busy = (await metric(scene, 'process_cpu_seconds_total')) - cpu;
    const encodings = (await metric(scene, 'portcullis_feed_encoded_events_total')) - encoded;
    const memory = (await metric(scene, 'process_resident_memory_bytes')) / MIB;
    console.log(
      `proof: ${SUBSCRIBERS} subscribers of one instance, ${CHANGES} changes: from commit to delivery ${quantilesOf(delays)} (target p99 ${TARGETS.delivery} ms); ` +
        `${encodings} events encoded; CPU of the instance ${((busy / CHANGES) * 1_000).toFixed(0)} ms per change, ${(idle * 100).toFixed(0)} % ` +
        `of a core while nothing changes; ${memory.toFixed(0)} MiB`,
    );
    expect(encodings).toBeLessThanOrEqual(2 * CHANGES);
    expect(quantile(delays, 0.99)).toBeLessThan(10 * TARGETS.delivery);

    const since = performance.now();
    const listed = new Map<string, number>();
    await until(
      'all subscribers are listed, and none is behind',
      async () => {
        listed.clear();
        let cursor = '';
        do {
          const page = await admin.http.get<{
            items: { subscriber: string; behind: number }[];
            nextCursor: string | null;
          }>(`/v1/validity/subscribers?limit=200${cursor}`);
          for (const { subscriber, behind } of page.body.items)
            if (subscriber.startsWith('load-')) listed.set(subscriber, behind);
          cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`;
        } while (cursor !== '');
        return listed.size >= SUBSCRIBERS && [...listed.values()].every((behind) => behind === 0);
      },
      30_000,
    );
    console.log(
      `proof: ${listed.size} subscribers listed, none behind, ${(performance.now() - since).toFixed(0)} ms after the last change`,
    );
  });

  it.each<Encoding>(['gzip', 'deflate'])('is followed through a proxy that compresses (%s)', async (encoding) => {
    const proxy = await CompressingProxy.open(scene.service.http.url, encoding);
    const { options, token } = await follower(scene, proxy.url);
    const verifier = createVerifier({ ...options, onNotice: () => undefined });
    try {
      await verifier.ready({ timeoutMs: 20_000 });
      const { subject } = await verifier.verify(token);
      const { answers } = proxy;
      await scene.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [subject]);
      const reason = await verifier
        .verify(token, { maxStaleness: 0 })
        .then(String, (error: unknown) => error instanceof VerificationError && error.reason);
      expect(reason).toBe('user_disabled');
      expect(answers).toBeGreaterThan(0);
      console.log(
        `proof: followed through ${encoding}: ${proxy.answers} answers, ${proxy.before} bytes made ${proxy.after}`,
      );
    } finally {
      await verifier.close();
      await proxy.close();
    }
  });
});

describe(`a window of ${ENTRIES} entries`, () => {
  let scene: Scene;
  beforeAll(async () => {
    const database = await createDatabase();
    // Mostly logouts, as where many come and go. The indexes are made afterwards, which is quicker.
    await database.query(`
      DROP INDEX validity_events_seq, validity_events_expires_at;
      INSERT INTO validity_events (kind, key, seq, reason, at, expires_at)
        SELECT CASE WHEN n % 10 < 6 THEN 'session' WHEN n % 10 < 8 THEN 'user' WHEN n % 10 < 9 THEN 'token' ELSE 'user_facts' END,
          gen_random_uuid(), n, 'forced_expiration', now(), now() + interval '1 day' FROM generate_series(1, ${ENTRIES}) n;
      CREATE INDEX validity_events_seq ON validity_events (seq);
      CREATE INDEX validity_events_expires_at ON validity_events (expires_at);
      UPDATE validity_clock SET seq = ${ENTRIES};
      ANALYZE validity_events`);
    const since = performance.now();
    scene = await open(database);
    const memory = (await metric(scene, 'process_resident_memory_bytes')) / MIB;
    const events = await metric(scene, 'portcullis_validity_window_events');
    console.log(
      `proof: a window of ${events} entries: the service was ready after ${(performance.now() - since).toFixed(0)} ms ` +
        `(target ${TARGETS.start} ms), ${memory.toFixed(0)} MiB`,
    );
    expect(events).toBeGreaterThanOrEqual(ENTRIES);
  });
  afterAll(() => close(scene));

  it('is loaded by services, while the instance that gives it goes on answering others', async () => {
    const { service, admin } = scene;
    const guarded = requestText('GET', '/v1/auth/me', { token: admin.accessToken });
    const quiet = new Probe(service.http.url, guarded, 5);
    await delay(1_000);
    await quiet.stop();
    const meanwhile = new Probe(service.http.url, guarded, 5);
    const answers: { ms: number; bytes: number; compressed: number }[] = [];
    for (let n = 0; n < 2; n++) {
      const since = performance.now();
      const response = await fetch(`${service.http.url}/v1/validity/events`, {
        headers: { authorization: `Bearer ${admin.accessToken}` },
      });
      const body = Buffer.from(await response.arrayBuffer());
      const ms = performance.now() - since;
      answers.push({ ms, bytes: body.length, compressed: n === 0 ? (await promisify(gzip)(body)).length : NaN });
    }
    await meanwhile.stop();
    const whileLoading = new Probe(service.http.url, guarded, 5);
    const process = Forked.start('follower-process.ts', '--expose-gc');
    process.send(await follower(scene));
    const loaded = await process.next<Loaded>();
    await process.stop();
    await whileLoading.stop();
    const most = (await metric(scene, 'process_resident_memory_bytes')) / MIB;

    const [first, second] = answers;
    const mib = (bytes = NaN): string => `${(bytes / MIB).toFixed(1)} MiB`;
    console.log(
      [
        `proof: the whole window of ${ENTRIES}: ${mib(first?.bytes)}, gzip ${mib(first?.compressed)}; given in ${first?.ms.toFixed(0)} ms, to the next who asks in ${second?.ms.toFixed(0)} ms; the service holds ${most.toFixed(0)} MiB afterwards`,
        `  a guarded request (target p99 ${TARGETS.guarded} ms): before ${quiet.describe()}; meanwhile ${meanwhile.describe()}; while a verifier loads ${whileLoading.describe()}`,
        `  a verifier: ready after ${loaded.readyAfter.toFixed(0)} ms (target ${TARGETS.loading} ms), its event loop blocked for ${loaded.longestBlock.toFixed(0)} ms at the longest, ` +
          `memory ${loaded.memoryBefore.toFixed(0)} before, ${loaded.memoryMost.toFixed(0)} at most, ${loaded.memoryAfter.toFixed(0)} MiB after (heap ${loaded.heapAfter.toFixed(0)}); ` +
          `a decision ${loaded.decision.toFixed(1)} µs`,
      ].join('\n'),
    );
    expect(loaded.events).toBeGreaterThanOrEqual(ENTRIES);
    expect(loaded.readyAfter).toBeLessThan(10 * TARGETS.loading);
    expect(Object.keys({ ...meanwhile.statuses, ...whileLoading.statuses })).toEqual(['200']);
    expect(meanwhile.p99).toBeLessThan(10 * TARGETS.guarded);
    expect(most).toBeLessThan(MOST_MEMORY.service);
    expect(loaded.memoryAfter).toBeLessThan(MOST_MEMORY.follower);
  });
});
