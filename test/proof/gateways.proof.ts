import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createVerifier, VerificationError, type Notice, type Verifier } from '@portcullis/verifier';
import { startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { LocalServer } from '../support/front.js';
import { HttpClient } from '../support/http.js';
import { createPerson, signIn, type Person, type SignedIn } from '../support/people.js';
import { RawConnection } from '../support/socket.js';
import { until } from '../support/until.js';
import { canRun } from './support/debian-programs.js';
import { GatewayProcess } from './support/gateway-process.js';
import { readMetrics } from './support/metrics.js';
import { NginxFront } from './support/nginx-front.js';
import { quantilesOf } from './support/statistics.js';

jest.setTimeout(120_000);

const ROUNDS = 20;
const ISSUER = 'http://localhost:3000';
/** So many events are in the window that is fetched through nginx. */
const ENTRIES = 2_000;

/** What reached the service: header names as they came, in pairs with their values. */
interface Seen {
  url: string;
  headers: [string, string][];
  body: string;
}

let database: TestDatabase;
let app: TestApp;
let service: LocalServer;
let clerk: Person;
let session: SignedIn;
const seen: Seen[] = [];

const record: RequestListener = (request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (part: string) => (body += part));
  request.on('end', () => {
    const { url = '', rawHeaders } = request;
    const headers = rawHeaders.flatMap((name, i): [string, string][] =>
      i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? '']] : [],
    );
    seen.push({ url, headers, body });
    response.end('served');
  });
};

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp({ database });
  const admin = await app.admin();
  for (const name of ['orders:read', 'reports:read']) await admin.post('/v1/permissions', { name });
  await admin.post('/v1/roles', { name: 'clerk', permissions: ['orders:read'] });
  clerk = await createPerson(admin, ['clerk']);
  session = await signIn(app.http, clerk);
  service = await LocalServer.listen(record);
});
afterAll(async () => {
  await app.close();
  await service.close();
  await database.drop();
});
beforeEach(() => {
  seen.length = 0;
});

/** By hand, since no client library sends such things. */
async function send(url: string, target: string, headers: string[], method = 'GET'): Promise<string> {
  const connection = await RawConnection.open(url);
  connection.send(
    [`${method} ${target} HTTP/1.1`, 'Host: gateway', 'Connection: close', ...headers, '', ''].join('\r\n'),
  );
  return (await connection.untilClosed()).replace(/^HTTP\/1\.1 (\d+).*$/s, '$1');
}

const bearer = (): string => `Authorization: Bearer ${session.accessToken}`;

/** What the service takes for the subject, the roles and so on, when it is one of those to which `-` and `_` are the same. */
function toldOf({ headers }: Seen): Record<string, string[]> {
  const told: Record<string, string[]> = {};
  for (const [name, value] of headers) {
    const cgi = name.toLowerCase().replaceAll('_', '-');
    if (cgi.startsWith('x-auth-')) (told[cgi] ??= []).push(value);
  }
  return told;
}

const GENUINE = () => ({
  'x-auth-subject': [clerk.id],
  'x-auth-client': ['portcullis'],
  'x-auth-roles': ['clerk'],
  'x-auth-permissions': ['orders:read'],
});

/** Every spelling of the four names, and ways to bring them in or to get rid of the genuine ones. */
const SPOOFS: string[][] = [
  ...['Subject', 'Client', 'Roles', 'Permissions'].flatMap((what) =>
    [`X-Auth-${what}`, `X_Auth_${what}`, `X-Auth_${what}`, `X_Auth-${what}`].flatMap((name) => [
      [`${name}: boss`],
      [`${name.toLowerCase()}: boss`],
      [`${name.toUpperCase()}: boss`],
    ]),
  ),
  ['X-Auth-Subject: boss', 'X-Auth-Subject: boss', 'x-auth-subject: boss'],
  ['X-Auth-Subject : boss'],
  ['X-Auth-Subject:', ' boss'],
  ['X-Other: x', ' X-Auth-Subject: boss'],
  ['Connection: X-Auth-Subject', 'X-Auth-Subject: boss'],
  ['Connection: X-Auth-Permissions, X-Auth-Roles', 'X-Auth-Roles: boss'],
  ['Connection: close, x-auth-subject', 'Connection: X-Auth-Client'],
  ['Connection: X_Auth_Subject, Authorization'],
  ['Trailer: X-Auth-Subject', 'X-Auth-Subject: boss'],
  ['X-Forwarded-User: boss', 'X-Original-URL: /', 'X-Rewrite-URL: /', 'X-Forwarded-Uri: /', 'X-Auth-Roles: boss'],
];

/** Addresses by which whoever may read orders might get at reports. */
const DETOURS = [
  '/reports',
  '/reports/1',
  '/reports?permission=orders:read',
  '/reports?x=/../orders',
  '/orders/../reports',
  '/orders/..%2freports',
  '/orders/%2e%2e/reports',
  '/orders/.%2e/reports',
  '/orders//../reports',
  '/orders/./../reports',
  '/orders/..;/reports',
  '/orders\\..\\reports',
  '//reports',
  '/%72eports',
  '/REPORTS',
  '/./reports',
  '/reports/../orders/../reports',
  '/portcullis/orders',
  '/orders%00/../reports',
  'http://gateway/reports',
];

/** What the service would answer with: one that takes dots out of addresses, and does not mind how they are written. */
function resourceOf(url: string): string {
  const { pathname } = new URL(url, 'http://service');
  const readable = decodeURIComponent(pathname).replaceAll(';', '').replace(/\/+/g, '/');
  return new URL(readable, 'http://service').pathname.toLowerCase();
}

describe.each(['nginx', 'caddy'])('%s, before a service that knows nothing of tokens,', (name) => {
  const run = canRun(name, `the gateway ${name}`) ? it : it.skip;
  let gateway: GatewayProcess | undefined;
  const url = (): string => gateway?.url ?? '';
  const as = (token?: string): HttpClient =>
    token === undefined ? new HttpClient(url()) : new HttpClient(url()).as(token);

  beforeAll(async () => {
    if (run === it) gateway = await GatewayProcess.start(name, { portcullis: app.url, service: service.url });
  });
  afterAll(async () => {
    await gateway?.stop();
  });

  run('asks for a token, refuses for want of a permission, and lets everybody have what is public', async () => {
    expect((await as().get('/')).status).toBe(200);
    const asked = await as().get('/orders');
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await as('garbage').get('/orders')).status).toBe(401);
    expect((await session.http.get('/v1/auth/check?permission=reports:read')).status).toBe(403);
    expect((await as(session.accessToken).get('/reports')).status).toBe(403);
    for (const other of ['/elsewhere', '/ordersecret', '/orders-admin'])
      expect((await as(session.accessToken).get(other)).status).toBe(404);
    expect(seen.map(({ url: target }) => target)).toEqual(['/']);
    const posted = await as(session.accessToken).post('/orders?x=1', { lanterns: 2 });
    expect(posted.status).toBe(200);
    expect(seen.at(-1)).toMatchObject({ url: '/orders?x=1', body: '{"lanterns":2}' });
  });

  run(`tells the service who calls, whatever the client says about that in ${SPOOFS.length} ways`, async () => {
    const answers = new Map<string, number>();
    for (const spoof of SPOOFS) {
      for (const [target, headers] of [
        ['/', spoof],
        ['/', [...spoof, bearer()]],
        ['/orders', [bearer(), ...spoof]],
      ] as const) {
        seen.length = 0;
        const status = await send(url(), target, [...headers]);
        answers.set(status, (answers.get(status) ?? 0) + 1);
        const told = seen.map(toldOf);
        // Not a word less, either: a service may take a request of nobody for one of its own.
        const expected = target === '/' ? {} : GENUINE();
        for (const each of told) expect({ spoof, told: each }).toEqual({ spoof, told: expected });
        expect(told.length).toBe(status === '200' ? 1 : 0);
      }
    }
    expect(answers.get('200')).toBeGreaterThan(SPOOFS.length);
    console.log(`proof: gateways: ${name}: ${SPOOFS.length * 3} spoofed requests, none believed: ${print(answers)}`);
  });

  run('lets nobody get by a detour at what they may not have', async () => {
    const answers = new Map<string, number>();
    for (const target of DETOURS) {
      seen.length = 0;
      const status = await send(url(), target, [bearer()]);
      if (status === '200') expect([target, seen.length]).toEqual([target, 1]);
      answers.set(status, (answers.get(status) ?? 0) + 1);
      for (const { url: reached } of seen)
        expect([target, resourceOf(reached)]).not.toEqual([target, expect.stringMatching(/^\/reports/)]);
    }
    console.log(`proof: gateways: ${name}: ${DETOURS.length} detours, none led anywhere: ${print(answers)}`);
  });

  run(`refuses a user who was disabled in SQL on the next request, ${ROUNDS} times`, async () => {
    const durations: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { accessToken } = await signIn(app.http, clerk);
      const before = performance.now();
      expect((await as(accessToken).get('/orders')).status).toBe(200);
      durations.push(performance.now() - before);
      await database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [clerk.id]);
      const refused = await as(accessToken).get('/orders');
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer error="invalid_token", error_description="user_disabled"',
      ]);
      await database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [clerk.id]);
    }
    session = await signIn(app.http, clerk);
    console.log(`proof: gateways: ${name}: a request through it takes ${quantilesOf(durations)}`);
  });

  run('lets nothing pass but what Portcullis accepted', async () => {
    let status = 200;
    const impostor = await LocalServer.listen((_request, response) => response.writeHead(status).end());
    const other = await GatewayProcess.start(name, { portcullis: impostor.url, service: service.url });
    try {
      const http = new HttpClient(other.url).as(session.accessToken);
      for (status of [301, 302, 400, 404, 405, 408, 413, 429, 431, 500, 502, 503]) {
        expect((await http.get('/orders')).status).toBeGreaterThanOrEqual(300);
        expect(seen).toEqual([]);
      }
    } finally {
      const log = await other.stop();
      if (name === 'nginx') expect(log).toContain('auth request unexpected status: 400');
      await impostor.close();
    }
  });

  run('lets nothing pass while Portcullis is down, but what is public, and goes on afterwards', async () => {
    const port = Number(new URL(app.url).port);
    await app.close();
    try {
      const statuses = await Promise.all(Array.from({ length: 10 }, () => as(session.accessToken).get('/orders')));
      for (const answer of statuses) expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(seen).toEqual([]);
      expect((await as().get('/')).status).toBe(200);
    } finally {
      app = await startApp({ database, port });
    }
    expect((await as(session.accessToken).get('/orders')).status).toBe(200);
  });
});

describe('nginx with its defaults and compression, between Portcullis and those who follow it,', () => {
  const run = canRun('nginx', 'the feed through nginx') ? it : it.skip;

  run('hands on the window, what ends tokens, and idle polls; whoever leaves is waited for no more', async () => {
    const { verifier, nginx, notices } = await followThroughNginx();
    const pollsAnswered = async (): Promise<number> =>
      [...(await readMetrics(app.http))].reduce(
        (sum, [name, count]) => (/_count\{.*route="\/v1\/validity\/events"/.test(name) ? sum + count : sum),
        0,
      );
    const { url } = nginx;
    try {
      const compressed = await fetch(`${url}/.well-known/oauth-authorization-server`);
      expect(compressed.headers.get('content-encoding')).toBe('gzip');
      expect(verifier.health().events).toBeGreaterThanOrEqual(ENTRIES);
      const before = await pollsAnswered();
      await until('an idle poll has been answered', async () => (await pollsAnswered()) > before + 1);
      const durations: number[] = [];
      for (let round = 0; round < 10; round++) {
        const { accessToken } = await signIn(app.http, clerk);
        expect((await verifier.verify(accessToken)).subject).toBe(clerk.id);
        await Promise.all(Array.from({ length: 20 }, () => verifier.verify(accessToken, { maxStaleness: 0 })));
        await database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [clerk.id]);
        const committed = performance.now();
        expect(await refusal(verifier, accessToken)).toBe('user_disabled');
        durations.push(performance.now() - committed);
        await database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [clerk.id]);
      }
      expect([verifier.health().status, notices]).toEqual(['ok', []]);
      console.log(`proof: gateways: the feed through nginx, from commit to refusal: ${quantilesOf(durations)}`);
    } finally {
      await verifier.close();
      await until('nobody is waited for', async () =>
        (await app.http.get<string>('/metrics')).body.includes('portcullis_feed_waiting 0'),
      );
      await nginx.stop();
      session = await signIn(app.http, clerk);
    }
  });
});

async function followThroughNginx(): Promise<{ verifier: Verifier; nginx: NginxFront; notices: Notice[] }> {
  const { body } = await (await app.admin()).post('/v1/clients', { name: 'Follower', permissions: ['validity:read'] });
  await database.query(
    `INSERT INTO forced_expirations (scope, key, reason) SELECT 'client', 'gone-' || n, 'test' FROM generate_series(1, $1) n`,
    [ENTRIES],
  );
  const nginx = await NginxFront.start(app.url);
  const notices: Notice[] = [];
  const verifier = createVerifier({
    issuer: ISSUER,
    urls: [nginx.url],
    audience: ISSUER,
    clientId: String(body['clientId']),
    clientSecret: String(body['clientSecret']),
    onNotice: (notice) => notices.push(notice),
  });
  await verifier.ready({ timeoutMs: 10_000 });
  return { verifier, nginx, notices };
}

/** The reason for which the token is refused, as soon as it is. */
async function refusal(verifier: Verifier, token: string): Promise<string> {
  for (;;) {
    try {
      await verifier.verify(token);
      await new Promise(setImmediate);
    } catch (error) {
      if (error instanceof VerificationError) return error.reason;
      throw error;
    }
  }
}

function print(answers: Map<string, number>): string {
  return [...answers].map(([status, count]) => `${status === '' ? 'closed' : status}: ${count}`).join(', ');
}
