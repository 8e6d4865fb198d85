import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Readiness } from '../src/health/readiness.js';
import { ADMIN, startApp, type TestApp } from './support/app.js';
import { createDatabase } from './support/database.js';
import { RawConnection } from './support/socket.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

describe('health', () => {
  it('is live and ready', async () => {
    expect((await app.http.get('/health/live')).body).toEqual({ status: 'ok' });
    const ready = await app.http.get('/health/ready');
    expect(ready.status).toBe(200);
    const up = { status: 'up' };
    expect(ready.body).toEqual({ status: 'ok', details: { process: up, database: up, validity: up } });
  });

  it('is live but not ready while the database is away, tells nobody why, and recovers', async () => {
    const own = await startApp();
    const admin = await own.admin();
    const name = new URL(own.database.url).pathname.slice(1);
    const outside = await createDatabase('empty');
    await outside.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await outside.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);

    const ready = await own.http.get('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({
      status: 'error',
      details: { process: { status: 'up' }, database: { status: 'down' } },
    });
    expect(JSON.stringify(ready.body)).not.toContain(name);
    expect((await own.http.get('/health/live')).status).toBe(200);
    const guarded = await admin.get('/v1/audit-events');
    expect(guarded.status).toBe(503);
    expect(guarded.headers.get('retry-after')).toBe('1');
    expect(JSON.stringify(guarded.body)).not.toContain(name);

    await outside.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    expect((await own.http.get('/health/ready')).status).toBe(200);
    expect((await admin.get('/v1/audit-events')).status).toBe(200);
    await own.close();
    await outside.drop();
  });

  it('is live but not ready once it has been told to stop', async () => {
    const own = await startApp({ database: app.database });
    own.nest.get(Readiness).stopping();
    const ready = await own.http.get('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ status: 'error', details: { process: { status: 'down' } } });
    expect((await own.http.get('/health/live')).status).toBe(200);
    await own.close();
  });
});

describe('metrics', () => {
  const scrape = async (from: TestApp) => (await from.http.get<string>('/metrics')).body;

  it('are in the Prometheus format, with those of the process', async () => {
    const { headers, body } = await app.http.get<string>('/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(body).toMatch(/^nodejs_eventloop_lag_p99_seconds \S+$/m);
  });

  it('count requests by route, whatever addresses are asked for', async () => {
    const own = await startApp({ database: app.database });
    const admin = await own.admin();
    for (const path of ['/zzz1', '/zzz2?a=1', '/v1/users/zzz3', '/v1/users/zzz4?b=2']) await admin.get(path);
    const body = await scrape(own);
    expect(body).not.toContain('zzz');
    expect(body).toMatch(/^http_request_duration_seconds_count\{method="GET",route="unmatched",status="4xx"\} 2$/m);
    expect(body).toMatch(
      /^http_request_duration_seconds_count\{method="GET",route="\/v1\/users\/:id",status="4xx"\} 2$/m,
    );
    await own.close();
  });

  it('are not mixed up between two applications in one process', async () => {
    const own = await startApp({ database: app.database });
    expect(await scrape(own)).not.toContain('route="/health/live"');
    await own.http.get('/health/live');
    expect(await scrape(own)).toMatch(/_count\{method="GET",route="\/health\/live",status="2xx"\} 1$/m);
    await own.close();
  });
});

describe('the log', () => {
  /** What an app logs while `work` runs on it. */
  async function logged(
    env: Record<string, string>,
    work: (app: TestApp) => Promise<unknown>,
  ): Promise<Record<string, unknown>[]> {
    const log = new PassThrough({ encoding: 'utf8' });
    const lines: string[] = [];
    log.on('data', (text: string) => lines.push(text));
    const own = await startApp({ env: { PORTCULLIS_LOG_LEVEL: 'debug', ...env }, database: app.database, log });
    await work(own);
    await own.close();
    return lines
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('names each request by its route, id and caller, and holds no secret', async () => {
    let token = '';
    const lines = await logged({}, async (own) => {
      const { body } = await own.http.post('/v1/auth/login', ADMIN);
      token = String(body.access_token);
      await own.http.as(token).get('/v1/users/0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11?secret=zzz', {
        headers: { 'x-request-id': 'trace-4711' },
      });
      await own.http.post('/v1/auth/login', { username: 'admin', password: 'zzz wrong password zzz' });
    });
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        requestId: 'trace-4711',
        method: 'GET',
        route: '/v1/users/:id',
        ms: expect.any(Number),
        subject: expect.stringMatching(/^[0-9a-f-]{36}$/),
      }),
    );
    const text = JSON.stringify(lines);
    for (const secret of [token, ADMIN.password, 'zzz', 'argon2']) expect(text).not.toContain(secret);
  });

  it('has probes at debug level only', async () => {
    const lines = await logged({}, async (own) => {
      for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json']) await own.http.get(path);
    });
    const levels = lines.filter(({ msg }) => msg === 'request').map(({ route, level }) => [route, level]);
    expect(levels).toEqual([
      ['/health/live', 'debug'],
      ['/health/ready', 'debug'],
      ['/metrics', 'debug'],
      ['/openapi.json', 'info'],
    ]);
  });

  const addresses = async (env: Record<string, string>, said = '203.0.113.7, 198.51.100.9'): Promise<unknown[]> => {
    const forwarded = { headers: { 'x-forwarded-for': said } };
    const lines = await logged(env, (own) => own.http.get('/', forwarded));
    return lines.filter(({ msg }) => msg === 'request').map(({ address }) => address);
  };

  it('believes X-Forwarded-For of trusted proxies, and only as far as they can know', async () => {
    expect(await addresses({ PORTCULLIS_TRUSTED_PROXIES: '127.0.0.0/8' })).toEqual(['198.51.100.9']);
    expect(await addresses({ PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1,198.51.100.0/24' })).toEqual(['203.0.113.7']);
  });

  it('takes what they say for an address where it is one, without ports, and the proxy itself otherwise', async () => {
    const behind = { PORTCULLIS_TRUSTED_PROXIES: '127.0.0.0/8' };
    expect(await addresses(behind, '198.51.100.9:4711')).toEqual(['198.51.100.9']);
    expect(await addresses(behind, '203.0.113.7, [2001:DB8::1]:4711')).toEqual(['2001:db8::1']);
    expect(await addresses(behind, 'unknown')).toEqual(['127.0.0.1']);
  });

  it('does not believe it otherwise', async () => {
    expect(await addresses({})).toEqual(['127.0.0.1']);
    expect(await addresses({ PORTCULLIS_TRUSTED_PROXIES: '10.0.0.0/8' })).toEqual(['127.0.0.1']);
  });
});

describe('closing', () => {
  const REQUEST =
    'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n';

  it('answers the request in flight, takes no new connection, and closes idle ones', async () => {
    const own = await startApp({ database: app.database });
    const idle = await RawConnection.open(own.url);
    idle.send('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.until(/ok/);
    const inFlight = await RawConnection.open(own.url);
    const arrived = once(own.nest.getHttpServer(), 'request');
    inFlight.send(`${REQUEST}{`);
    await arrived;

    let closed = false;
    const closing = own.close().then(() => (closed = true));
    await idle.untilClosed();
    await expect(RawConnection.open(own.url)).rejects.toThrow('ECONNREFUSED');
    expect(closed).toBe(false);
    inFlight.send('}');
    expect(await inFlight.untilClosed()).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"validation_failed"/);
    await closing;
  });

  it('serves what still comes in over an open connection, and then closes that', async () => {
    const own = await startApp({ database: app.database });
    const connection = await RawConnection.open(own.url);
    const arrived = once(own.nest.getHttpServer(), 'request');
    connection.send(`${REQUEST}{`);
    await arrived;
    const closing = own.close();
    connection.send('}GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await connection.untilClosed()).toMatch(/validation_failed[\s\S]*connection: close[\s\S]*{"status":"ok"}$/i);
    await closing;
  });

  it('cuts off what does not end in time', async () => {
    const own = await startApp({ env: { PORTCULLIS_SHUTDOWN_TIMEOUT_MS: '50' }, database: app.database });
    const connection = await RawConnection.open(own.url);
    const arrived = once(own.nest.getHttpServer(), 'request');
    connection.send(`${REQUEST}{`);
    await arrived;
    await own.close();
    expect(await connection.untilClosed()).toBe('');
  });
});
