import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createVerifier, type Notice, type OnStale } from '@portcullis/verifier';
import type { Client } from 'pg';
import { ADMIN, logIn } from '../support/app.js';
import type { HttpClient } from '../support/http.js';
import { createAudience, createClient, type RegisteredClient } from '../support/oauth.js';
import { createPerson, type Person } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { FaultyProxy, type ProxyFault } from './support/faulty-proxy.js';
import { FeedWatch, MAX_STALENESS, type Tokens } from './support/feed-watch.js';
import { OwnPostgres } from './support/own-postgres.js';

jest.setTimeout(180_000);

const ISSUER = 'http://localhost:3000';
const MODES: readonly OnStale[] = ['refuse', 'introspect', 'accept-until-exp'];
/** Until valid tokens work again and ended ones are refused by reason, in ms. Ten times as much fails. */
const TARGET = 5_000;

/** A service of its own, or one that several cases share, and what its followers need. */
interface Scene {
  admin: HttpClient;
  audience: string;
  client: RegisteredClient;
}

interface Case {
  what: string;
  scene: Scene;
  urls: string[];
  /** @param renew gives the services tokens that were minted now */
  cut: (renew: () => Promise<void>) => unknown;
  /** After the user was disabled. */
  meanwhile?: () => Promise<unknown>;
  /** Without it, it is well again by itself. */
  mend?: () => unknown;
  /** Whether a moment must come at which a service knows too little to decide. */
  goesDark: boolean;
  /** Whether tokens are minted meanwhile, of which the old knowledge cannot tell anything. */
  mintsMeanwhile?: boolean;
  /** Whether the issuer itself can be asked meanwhile. */
  introspects?: boolean;
}

let postgres: OwnPostgres;
let sql: Client;
let service: ServiceProcess;
let scene: Scene;
const proxies: FaultyProxy[] = [];

const startService = (url: string, env: Record<string, string> = {}): Promise<ServiceProcess> =>
  ServiceProcess.start({
    DATABASE_URL: url,
    PORTCULLIS_ISSUER: ISSUER,
    PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    PORTCULLIS_RATE_LIMITS: 'off',
    PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
    PORTCULLIS_ARGON2_MEMORY_KIB: '64',
    PORTCULLIS_ARGON2_ITERATIONS: '1',
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    ...env,
  });

async function sceneOf({ http }: ServiceProcess): Promise<Scene> {
  const admin = await logIn(http, ADMIN);
  const audience = await createAudience(admin);
  const client = await createClient(admin, { permissions: ['validity:read'], audiences: [audience] });
  return { admin, audience, client };
}

beforeAll(async () => {
  postgres = await OwnPostgres.create();
  sql = await postgres.connect();
  service = await startService(postgres.url);
  scene = await sceneOf(service);
});
afterAll(async () => {
  for (const proxy of proxies) await proxy.close();
  await sql.end();
  await service.stop();
  await postgres.remove();
});

async function openProxy(target = service.http.url): Promise<FaultyProxy> {
  const proxy = await FaultyProxy.open(target);
  proxies.push(proxy);
  return proxy;
}

async function tokenOf({ username, password }: Person, { admin, audience }: Scene): Promise<string> {
  const { body } = await admin.post('/v1/auth/login', { username, password, audience: [audience] });
  return String(body['access_token']);
}

/** @returns when it was committed at the latest */
async function disable({ id }: Person): Promise<number> {
  await sql.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [id]);
  return performance.now();
}

/** Services that do the three things which can be done while nothing is known, one beside the other, through one fault. */
async function endure(it: Case): Promise<void> {
  const { what, scene, urls } = it;
  const [good, bad] = [await createPerson(scene.admin), await createPerson(scene.admin)];
  const mint = async (): Promise<Tokens> => ({ valid: await tokenOf(good, scene), doomed: await tokenOf(bad, scene) });
  const held = await mint();
  const options = { issuer: ISSUER, audience: scene.audience, ...scene.client, urls };
  const watches = await Promise.all(MODES.map((onStale) => FeedWatch.open({ ...options, onStale }, held)));
  const every = (condition: (watch: FeedWatch) => boolean) => (): boolean => watches.every(condition);
  try {
    await until(
      `${what}: both tokens are accepted`,
      every((watch) => watch.last('doomed') === 'accepted'),
      60_000,
    );
    const cutAt = performance.now();
    await it.cut(async () => {
      const renewed = await mint();
      for (const watch of watches) watch.tokens = renewed;
    });
    const disabledAt = await disable(bad);
    await it.meanwhile?.();
    await until(`${what}: nobody may know it yet`, () => performance.now() > disabledAt + MAX_STALENESS + 500);
    await it.mend?.();
    const mendedAt = it.mend ? performance.now() : cutAt;
    const recovery = await Promise.all(
      watches.map(async (watch) => {
        await until(`${what}: all is well again (${watch.onStale})`, () => watch.recovered, 10 * TARGET);
        return performance.now() - mendedAt;
      }),
    );
    console.log(
      `proof: feed cut: ${what}\n${watches.map((watch, n) => tell(watch, disabledAt, recovery[n])).join('\n')}`,
    );
    for (const watch of watches) judge(watch, it, disabledAt);
  } finally {
    await Promise.all(watches.map((watch) => watch.close()));
  }
}

function tell(watch: FeedWatch, disabledAt: number, recovery = NaN): string {
  const { acceptedOnOldKnowledge, introspected } = watch.health;
  const since = (at: number): string => `${(at - disabledAt).toFixed(0)} ms`;
  return (
    `  ${watch.onStale}: after the commit refused from ${since(watch.refusedAt('doomed', disabledAt))} on, last accepted at ` +
    `${since(watch.lastAcceptedAt('doomed'))} (allowed: ${MAX_STALENESS} ms); well again after ${recovery.toFixed(0)} ms ` +
    `(target ${TARGET} ms), undecided ${watch.count('valid', 'unknown')} of ${watch.decisions.length / 2} times; ` +
    `introspected ${introspected}, accepted on old knowledge ${acceptedOnOldKnowledge}`
  );
}

function judge(
  watch: FeedWatch,
  { what, goesDark, mintsMeanwhile = false, introspects = false }: Case,
  disabledAt: number,
): void {
  const { onStale, health } = watch;
  const tooLate = watch.acceptedTooLate(disabledAt);
  const told = watch.notices.filter(({ type }) => type === 'accepted_on_old_knowledge').length;
  // Nobody is refused for a wrong reason, whatever the network does.
  const reasons = { valid: ['accepted', 'unknown'], doomed: ['accepted', 'unknown', 'user_disabled', 'token_revoked'] };
  const odd = watch.decisions.filter(
    ({ token, verdict }) => !reasons[token].includes(verdict) && !(mintsMeanwhile && verdict === 'not_yet_valid'),
  );
  expect({ what, onStale, odd }).toEqual({ what, onStale, odd: [] });
  if (onStale === 'accept-until-exp') {
    expect({ what, uncounted: tooLate.filter(({ counted }) => !counted) }).toEqual({ what, uncounted: [] });
    expect({ what, told }).toEqual({ what, told: health.acceptedOnOldKnowledge });
    expect({ what, undecided: watch.count('valid', 'unknown') }).toEqual({ what, undecided: 0 });
    if (goesDark && !mintsMeanwhile) expect(told).toBeGreaterThan(0);
  } else {
    expect({ what, onStale, tooLate }).toEqual({ what, onStale, tooLate: [] });
    if (goesDark && onStale === 'refuse') expect(watch.count('valid', 'unknown')).toBeGreaterThan(0);
    if (introspects && onStale === 'introspect') {
      expect(health.introspected).toBeGreaterThan(0);
      expect({ what, undecided: watch.count('valid', 'unknown') }).toEqual({ what, undecided: 0 });
    }
  }
}

/** One through a proxy of its own. */
async function throughProxy(fault: ProxyFault, expected: Pick<Case, 'goesDark' | 'introspects'>): Promise<void> {
  const proxy = await openProxy();
  await endure({
    what: `answers or connections: ${fault}`,
    scene,
    urls: [proxy.url],
    cut: () => proxy.become(fault),
    mend: () => proxy.become('none'),
    ...expected,
  });
}

describe('while the feed is cut, no service accepts an ended token beyond maxStaleness, and afterwards all work again', () => {
  it('whatever the network and proxies do', async () => {
    const dark = { goesDark: true };
    const feedOnly = { goesDark: true, introspects: true };
    const [bad, dying] = [await openProxy(), await openProxy()];
    await Promise.all([
      throughProxy('dropped', dark),
      throughProxy('silent', dark),
      throughProxy('half open', { goesDark: false }),
      throughProxy('slow', dark),
      throughProxy('cut in the middle', feedOnly),
      throughProxy('bad gateway', feedOnly),
      throughProxy('a page', feedOnly),
      throughProxy('garbage', feedOnly),
      throughProxy('replay', feedOnly),
      endure({
        what: 'the first of two addresses says nothing any more',
        scene,
        urls: [bad.url, service.http.url],
        cut: () => bad.become('silent'),
        goesDark: false,
      }),
      endure({
        what: 'the first of two addresses refuses connections',
        scene,
        urls: [dying.url, service.http.url],
        cut: () => dying.become('dropped'),
        goesDark: false,
      }),
      killed(),
    ]);
  });

  /** Ended by SIGKILL, and started again where it was. */
  async function killed(): Promise<void> {
    const port = await freePort();
    const env = { PORT: String(port) };
    let instance = await startService(postgres.url, env);
    await endure({
      what: 'the instance killed with SIGKILL, and started again',
      scene,
      urls: [`http://127.0.0.1:${port}`],
      cut: () => instance.stop('SIGKILL'),
      mend: async () => {
        instance = await startService(postgres.url, env);
      },
      goesDark: true,
    });
    await instance.stop();
  }

  it('Postgres is stopped and started', async () => {
    await endure({
      what: 'Postgres stopped for longer than maxStaleness, and started',
      scene,
      urls: [service.http.url],
      cut: async () => {
        const stoppedAt = performance.now();
        await postgres.stop('fast');
        await until('too little is known', () => performance.now() > stoppedAt + MAX_STALENESS + 500);
        await postgres.start();
        sql = await postgres.connect();
      },
      goesDark: true,
    });
  });

  it('events are trimmed meanwhile', async () => {
    const proxy = await openProxy();
    await endure({
      what: 'connections dropped, and events trimmed that the services never saw',
      scene,
      urls: [proxy.url],
      cut: async (renew) => {
        proxy.become('dropped');
        await sql.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('client', 'trimmed', 'proof')`);
        // Older tokens are below the floor from here on, and expired where events are trimmed in their time.
        await renew();
      },
      meanwhile: () =>
        sql.query(
          `WITH gone AS (DELETE FROM validity_events WHERE kind = 'client' AND key = 'trimmed' RETURNING seq)
             UPDATE validity_clock SET floor = (SELECT seq FROM gone)`,
        ),
      mend: () => proxy.become('none'),
      goesDark: true,
      mintsMeanwhile: true,
    });
  });
});

it('is not noticed while nothing happens, at the settings that a service has by default', async () => {
  const notices: Notice[] = [];
  const { audience, client } = scene;
  const options = { issuer: ISSUER, audience, ...client, urls: [service.http.url] };
  const verifier = createVerifier({ ...options, onNotice: (notice) => notices.push(notice) });
  try {
    await verifier.ready({ timeoutMs: 20_000 });
    let [answers, age] = [0, Infinity];
    await until('two idle polls were answered', () => {
      const { ageMs } = verifier.health();
      if ((ageMs ?? Infinity) < age) answers++;
      age = ageMs ?? Infinity;
      return answers > 2;
    });
    expect(notices).toEqual([]);
  } finally {
    await verifier.close();
  }
});

/** On which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
