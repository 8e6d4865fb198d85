import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { RawConnection } from './support/socket.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const JSON_TYPE = { 'content-type': 'application/json' };

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_BODY_LIMIT: '2048', PORTCULLIS_CORS_ORIGINS: 'https://app.example.org' } });
});
afterAll(() => app.close());

describe('the request id', () => {
  it('is new for each request', async () => {
    const ids = await Promise.all([app.http.get('/health/live'), app.http.get('/health/live')]);
    const [a, b] = ids.map(({ headers }) => headers.get('x-request-id'));
    expect(a).toMatch(UUID_V7);
    expect(b).toMatch(UUID_V7);
    expect(a).not.toBe(b);
  });

  it("is the caller's where that is harmless, in the header and in a problem", async () => {
    const { headers, body } = await app.http.get('/nowhere', { headers: { 'x-request-id': 'trace.4711_a-b' } });
    expect(headers.get('x-request-id')).toBe('trace.4711_a-b');
    expect(body.requestId).toBe('trace.4711_a-b');
  });

  it.each(['short', 'x'.repeat(65), 'has a space', '{"a":1,"b":2}', 'semi;colon'])('is not %p', async (id) => {
    const { headers } = await app.http.get('/health/live', { headers: { 'x-request-id': id } });
    expect(headers.get('x-request-id')).toMatch(UUID_V7);
  });
});

describe('a request that cannot be taken', () => {
  const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
    app.http.raw('POST', '/v1/tokens/explain', body, { headers });

  it.each<[string, number, string, () => ReturnType<typeof post>]>([
    ['broken JSON', 400, 'bad_request', () => post('{"zzz": ')],
    ['an empty body that claims to be JSON', 400, 'bad_request', () => post('')],
    ['an array', 400, 'bad_request', () => post('[{"zzz": 1}]')],
    ['a string', 400, 'bad_request', () => post('"zzz"')],
    ['null', 400, 'bad_request', () => post('null')],
    ['half a surrogate pair', 400, 'bad_request', () => post('{"username": "zzz\\ud800", "password": "zzz"}')],
    ['a member that is there twice', 400, 'bad_request', () => post('{"token": "zzz", "token": "zzz"}')],
    ['one that is spelt in two ways', 400, 'bad_request', () => post('{"token": "zzz", "t\\u006fken": "zzz"}')],
    ['one deep within', 400, 'bad_request', () => post('{"token": [{"zzz": {"a": 1, "b": 2, "a": 1}}]}')],
    ['__proto__', 400, 'bad_request', () => post('{"__proto__": {"zzz": true}}')],
    ['constructor.prototype', 400, 'bad_request', () => post('{"constructor": {"prototype": {"zzz": true}}}')],
    ['too large a body', 413, 'body_too_large', () => post(`{"zzz": "${'z'.repeat(3000)}"}`)],
    ['text', 415, 'unsupported_media_type', () => post('zzz', { 'content-type': 'text/plain' })],
    [
      'a form',
      415,
      'unsupported_media_type',
      () => post('zzz=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    ['an unknown address', 404, 'not_found', () => app.http.get('/v1/zzz?zzz=1')],
    ['an unknown address with NUL', 404, 'not_found', () => app.http.get('/v1/zzz%00')],
    ['broken percent-encoding', 400, 'bad_request', () => app.http.get('/v1/zzz/%E0%A4%A')],
    ['too long a part of the address', 414, 'uri_too_long', () => app.http.get(`/v1/users/${'z'.repeat(301)}`)],
    ['another method', 405, 'method_not_allowed', () => app.http.put('/health/live', { zzz: 1 })],
  ])('gets a problem for %s', async (_, status, code, send) => {
    const { headers, body, ...answer } = await send();
    expect(answer.status).toBe(status);
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(body).toEqual({
      type: `urn:portcullis:problem:${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      code,
      requestId: headers.get('x-request-id'),
    });
    expect(JSON.stringify(body)).not.toMatch(/zzz|node_modules|\.js/);
  });

  it('learns which methods an address takes', async () => {
    const { headers } = await app.http.put('/health/live');
    expect(headers.get('allow')).toBe('GET, HEAD');
  });

  it.each([
    ['what is not HTTP', 'zzz\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'z'.repeat(70_000)}\r\n\r\n`, 431],
  ])('gets a problem for %s', async (_, text, status) => {
    const connection = await RawConnection.open(app.url);
    connection.send(text);
    const [head = '', body = ''] = (await connection.untilClosed()).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status, requestId: expect.stringMatching(UUID_V7) });
    expect(body).not.toContain('zzz');
  });

  it('gets a problem, and no handler, when it is too slow to arrive', async () => {
    const impatient = await startApp({ env: { PORTCULLIS_REQUEST_TIMEOUT_MS: '100' }, database: app.database });
    const connection = await RawConnection.open(impatient.url);
    connection.send(
      'POST /v1/tokens/explain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/);
    await impatient.close();
  });
});

describe('every answer', () => {
  it.each(['/health/live', '/', '/docs', '/openapi.json', '/nowhere', '/%E0%A4%A'])('is hardened: %s', async (path) => {
    const { headers } = await app.http.get(path);
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect(headers.get('content-security-policy')).not.toContain('unsafe-eval');
    expect(headers.get('server')).toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
  });

  it('is not kept by caches unless its route says so', async () => {
    expect((await app.http.get('/health/live')).headers.get('cache-control')).toBe('no-store');
  });

  it('has no body where HEAD asked', async () => {
    const { status, headers, body } = await app.http.raw('HEAD', '/health/live');
    expect(status).toBe(200);
    expect(headers.get('content-length')).toBe('15');
    expect(body).toBe('');
  });
});

describe('pages of other origins', () => {
  const from = (origin: string) => ({ headers: { origin } });

  it('may read answers when they are named', async () => {
    const { headers } = await app.http.get('/health/live', from('https://app.example.org'));
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('access-control-expose-headers')).toBe(
      'ETag, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate',
    );
    expect(headers.get('vary')).toContain('Origin');
  });

  it.each(['https://app.example.org.evil.test', 'http://app.example.org', 'null'])('may not: %s', async (origin) => {
    const { headers } = await app.http.get('/health/live', from(origin));
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('are told in advance what they may send', async () => {
    const { status, headers } = await app.http.raw('OPTIONS', '/v1/tokens/explain', undefined, {
      headers: {
        origin: 'https://app.example.org',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(headers.get('access-control-allow-headers')).toContain('Authorization');
  });

  it('are told nothing where no origin is named', async () => {
    const closed = await startApp({ database: app.database });
    const { headers } = await closed.http.get('/health/live', from('https://app.example.org'));
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    await closed.close();
  });
});
