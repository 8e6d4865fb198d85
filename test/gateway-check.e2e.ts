import { createHmac } from 'node:crypto';
import { METHODS } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, type Person, type SignedIn } from './support/people.js';
import { RawConnection } from './support/socket.js';
import { claimsOf, encoded, headerOf, reissued } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const ORDERS = 'https://orders.example.org';
const STOCK = 'urn:stock';

let app: TestApp;
let admin: HttpClient;
let clerk: Person;
let session: SignedIn;
let secret: Buffer;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_CORS_ORIGINS: 'https://app.example.org' } });
  admin = await app.admin();
  for (const name of ['orders:read', 'orders:write', 'orders:close']) await created('/v1/permissions', { name });
  await created('/v1/roles', { name: 'clerk', permissions: ['orders:read', 'orders:close'] });
  await created('/v1/audiences', { identifier: ORDERS, algorithm: 'RS256' });
  const { secret: shared } = await created('/v1/audiences', { identifier: STOCK, algorithm: 'HS256' });
  secret = Buffer.from(String(shared), 'base64');
  clerk = await createPerson(admin, ['clerk']);
  session = await signIn(app.http, clerk);
});
afterAll(() => app.close());

async function created(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await admin.post(path, body);
  expect([answer.status, answer.body]).toEqual([201, answer.body]);
  return answer.body;
}

/** A token for these audiences. */
async function tokenFor(person: Person, audience: string[]): Promise<string> {
  const { username, password } = person;
  const { body } = await app.http.post('/v1/auth/login', { username, password, audience });
  return String(body['access_token']);
}

/** What a gateway sees: the status, and the challenge if there is one. Checks that there is no body where there must be none. */
async function ask(token: string | null, below = '', method = 'GET'): Promise<string> {
  const http = token === null ? app.http : app.http.as(token);
  const { status, headers, body } = await http.raw(method, `/v1/auth/check${below}`);
  if ([200, 401, 403].includes(status)) expect([body, headers.get('content-length') ?? '0']).toEqual(['', '0']);
  else expect(headers.get('content-type')).toContain('application/problem+json');
  expect(headers.get('cache-control')).toBe('no-store');
  return [status, headers.get('www-authenticate')].filter(Boolean).join(' ');
}

const refused = (reason?: string) =>
  `401 Bearer error="invalid_token"${reason === undefined ? '' : `, error_description="${reason}"`}`;

describe('GET /v1/auth/check', () => {
  it('says who calls and what they may do', async () => {
    const { status, headers } = await session.http.get('/v1/auth/check?permission=orders:read&role=clerk');
    expect(status).toBe(200);
    expect(Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-auth-')))).toEqual({
      'x-auth-subject': clerk.id,
      'x-auth-client': 'portcullis',
      'x-auth-roles': 'clerk',
      'x-auth-permissions': 'orders:close,orders:read',
    });
    expect(await ask(session.accessToken, '', 'HEAD')).toBe('200');
  });

  it('refuses what is no token, and why only where the signature is good', async () => {
    expect(await ask(null)).toBe('401 Bearer');
    expect(await ask(null, '', 'HEAD')).toBe('401 Bearer');
    expect(await ask('garbage')).toBe(refused());
    expect(await ask(`${session.accessToken}x`)).toBe(refused());
    const expired = await reissued(app, session.accessToken, { exp: 1, iat: 0 });
    expect(await ask(expired)).toBe(refused('expired'));
  });

  it('refuses two tokens at once', async () => {
    const connection = await RawConnection.open(app.url);
    const header = `Authorization: Bearer ${session.accessToken}\r\n`;
    connection.send(`GET /v1/auth/check HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${header}${header}\r\n`);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('refuses who lacks one of several requirements, and names the permissions that are needed', async () => {
    const lacking = '403 Bearer error="insufficient_scope"';
    expect(await ask(session.accessToken, '?permission=orders:write')).toBe(`${lacking}, scope="orders:write"`);
    expect(await ask(session.accessToken, '?permission=orders:read&permission=orders:write')).toBe(
      `${lacking}, scope="orders:read orders:write"`,
    );
    expect(await ask(session.accessToken, '?role=clerk&role=admin')).toBe(lacking);
    expect(await ask(session.accessToken, '?permission=orders:read&role=orders:read')).toBe(
      `${lacking}, scope="orders:read"`,
    );
    expect(await ask(session.accessToken, '?permission=orders:write', 'HEAD')).toMatch(/^403/);
  });

  it('takes no other method there', async () => {
    expect(await ask(session.accessToken, '', 'POST')).toMatch(/^405/);
  });

  it('writes nothing', async () => {
    const written = () =>
      app.database.query(
        `SELECT (SELECT count(*) FROM audit_events) AS audit, (SELECT count(*) FROM rate_limits) AS limits`,
      );
    const before = await written();
    for (const query of ['', '?permission=orders:write', '?role=admin', '?x=1']) await ask(session.accessToken, query);
    await ask('garbage');
    expect(await written()).toEqual(before);
  });

  it.each([
    'x=1',
    'permission=',
    'permission=orders',
    'Permission=orders:write',
    'permission[]=orders:read',
    'role=%00',
  ])('does not pass over what it does not understand: %s', async (query) => {
    expect(await ask(session.accessToken, `?${query}`)).toBe('400');
    expect(await ask(null, `?${query}`)).toBe('400');
  });
});

describe('without a token', () => {
  const paths = [
    '/v1/auth/check',
    '/v1/auth/check?permission=orders:read',
    '/v1/auth/check/-/orders',
    '/v1/auth/check/permission=orders:read/orders?x=%zz',
    '/v1/auth/%63heck/-/orders',
    'http://a/v1/auth/check/-/orders',
  ];
  const headers = [
    '',
    'Origin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n',
    'Origin: https://evil.example.org\r\nAccess-Control-Request-Method: GET\r\n',
    'X-HTTP-Method-Override: OPTIONS\r\nX-Auth-Subject: admin\r\n',
    'Authorization: Basic YWRtaW46YWRtaW4=\r\nX-Original-Method: OPTIONS\r\n',
  ];

  it.each(METHODS.filter((method) => method !== 'CONNECT'))(
    'nothing passes by %s, whatever it brings',
    async (method) => {
      for (const path of paths) {
        for (const header of headers) {
          const connection = await RawConnection.open(app.url);
          connection.send(
            `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n${header}\r\n`,
          );
          const [status = ''] = /(?<=^HTTP\/1\.1 )\d+/.exec(await connection.untilClosed()) ?? [];
          expect([path, header, Number(status) >= 400]).toEqual([path, header, true]);
        }
      }
    },
  );

  it('pages of other origins are told of the rest of the API as before', async () => {
    const headers = { origin: 'https://app.example.org', 'access-control-request-method': 'POST' };
    expect((await app.http.raw('OPTIONS', '/v1/auth/login', undefined, { headers })).status).toBe(204);
  });
});

describe('the moment something ends', () => {
  it('a disabled user is refused by the next check', async () => {
    const person = await createPerson(admin, ['clerk']);
    const { accessToken } = await signIn(app.http, person);
    const forOrders = await tokenFor(person, [ORDERS]);
    const both = async () => [await ask(accessToken), await ask(forOrders, `?audience=${ORDERS}`)];
    expect(await both()).toEqual(['200', '200']);
    await app.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
    expect(await both()).toEqual([refused('user_disabled'), refused('user_disabled')]);
  });

  it('what was taken from a role is answered 401, so that a client refreshes, and the rest passes', async () => {
    const { accessToken, refreshToken } = await signIn(app.http, clerk);
    await admin.put('/v1/roles/clerk/permissions', { permissions: ['orders:read'] });
    expect(await ask(accessToken, '?permission=orders:close')).toBe(refused('role_changed'));
    expect(await ask(accessToken, '?permission=orders:read&role=clerk')).toBe('200');
    const { headers } = await app.http.as(accessToken).get('/v1/auth/check');
    expect(headers.get('x-auth-permissions')).toBe('orders:read');
    const { body } = await app.http.post('/v1/auth/refresh', { refresh_token: refreshToken });
    expect(await ask(String(body['access_token']), '?permission=orders:close')).toMatch(/^403/);
  });

  it('so is a role that is gone', async () => {
    await created('/v1/roles', { name: 'passing', permissions: [] });
    const { accessToken } = await signIn(app.http, await createPerson(admin, ['passing']));
    await app.database.query(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('role', 'passing', 'test')`);
    expect(await ask(accessToken, '?role=passing')).toBe(refused('role_changed'));
    expect(await ask(accessToken)).toBe('200');
    expect(await ask(accessToken, '?role=passing&role=admin')).toMatch(/^403/);
  });
});

describe('a token for another audience', () => {
  it('is taken where that audience is named, and nowhere else', async () => {
    const forOrders = await tokenFor(clerk, [ORDERS]);
    const forBoth = await tokenFor(clerk, [ORDERS, ISSUER]);
    const orders = `?audience=${ORDERS}`;
    const both = `${orders}&audience=${ISSUER}`;
    const wrong = refused('wrong_audience');
    for (const round of ['the first time', 'remembered']) {
      expect([round, await ask(forOrders, orders), await ask(forOrders), await ask(forOrders, both)]).toEqual([
        round,
        '200',
        wrong,
        wrong,
      ]);
      expect([round, await ask(forBoth, orders), await ask(forBoth), await ask(forBoth, both)]).toEqual([
        round,
        '200',
        '200',
        '200',
      ]);
      expect([round, await ask(session.accessToken, orders), await ask(forOrders, '?audience=urn:nobody')]).toEqual([
        round,
        wrong,
        wrong,
      ]);
    }
  });

  it('is taken with that audience’s own secret, which signs for no other', async () => {
    const wanted = { audience: STOCK, ttlSeconds: 60, subject: 'someone', permissions: [] };
    const token = String((await created('/v1/tokens', wanted))['access_token']);
    expect(await ask(token, `?audience=${STOCK}`)).toBe('200');
    expect(await ask(token)).toBe(refused('wrong_audience'));
    const forged = (claims: object): string => {
      const input = `${encoded(headerOf(token))}.${encoded({ ...claimsOf(token), ...claims })}`;
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    };
    expect(await ask(forged({ aud: [STOCK, ORDERS] }), `?audience=${STOCK}`)).toBe(refused('wrong_audience'));
    expect(await ask(forged({ aud: [STOCK, ORDERS] }), `?audience=${ORDERS}`)).toBe(refused('wrong_audience'));
    expect(await ask(forged({ aud: [ISSUER] }))).toBe(refused('wrong_audience'));
    const odd = await app.http.as(forged({ sub: 'é, x-auth-roles: admin' })).get(`/v1/auth/check?audience=${STOCK}`);
    expect([odd.headers.get('x-auth-subject'), odd.headers.get('x-auth-roles')]).toEqual([
      '%C3%A9%2C%20x-auth-roles:%20admin',
      '',
    ]);
    expect(await ask(forged({ sub: 'x\r\nx-auth-roles: admin' }), `?audience=${STOCK}`)).toBe(refused('malformed'));
    expect(await ask(forged({ sub: 'é'.repeat(200) }), `?audience=${STOCK}`)).toBe(refused('malformed'));
  });

  it('is not one that is for a message broker', async () => {
    const permissions = { sub: ['/a/*'], pub: [], all: [] };
    const { body } = await admin.post('/v1/tokens', { audience: STOCK, ttlSeconds: 60, permissions });
    expect(await ask(String(body['access_token']), `?audience=${STOCK}`)).toBe(refused('wrong_type'));
  });
});

describe('requirements in the path, for Envoy', () => {
  const WRITE = '/permission=orders:write';
  const READ = '/permission=orders:read&role=clerk';

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'])('are met or not, by %s', async (method) => {
    expect(await ask(session.accessToken, `${READ}/orders/1?x=1`, method)).toBe('200');
    expect(await ask(session.accessToken, `${WRITE}/orders/1`, method)).toMatch(/^403/);
    expect(await ask(null, `${READ}/orders/1`, method)).toBe('401 Bearer');
    expect(await ask(session.accessToken, '/-/', method)).toBe('200');
  });

  it('may name an audience', async () => {
    const forOrders = await tokenFor(clerk, [ORDERS]);
    const below = `/audience=${encodeURIComponent(ORDERS)}/orders`;
    expect(await ask(forOrders, below)).toBe('200');
    expect(await ask(session.accessToken, below)).toBe(refused('wrong_audience'));
  });

  it.each(['/', '//orders', '/orders/1', '/permission=/', '/%2D%2D/', '/--/'])(
    'are never left out by mistake: %s',
    async (below) => {
      expect(await ask(session.accessToken, below)).toBe('400');
    },
  );

  it('take long addresses', async () => {
    expect(await ask(session.accessToken, `${READ}/${'x'.repeat(8_000)}?${'y'.repeat(8_000)}`)).toBe('200');
  });

  it('cannot be loosened by anything that a client sends', async () => {
    const piece = fc.constantFrom(
      ...['/', '//', '/../', '/./', '%2e%2e', '%2f', '?', '&', '=', ';', '-', '/-/', '#', '%00', '%', '\\', '*'],
      ...['permission=orders:read', 'permission=', 'role=clerk', 'audience=', 'x', '/v1/auth/check', '/health/live'],
    );
    const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
    const names = [
      'x-auth-permissions',
      'x-forwarded-uri',
      'x-original-url',
      'x-rewrite-url',
      'x-http-method-override',
    ];
    const header = fc.tuple(fc.constantFrom(...names), target);
    const statuses = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        target,
        fc.constantFrom('GET', 'POST', 'DELETE'),
        header,
        async (path, method, [name, value]) => {
          const connection = await RawConnection.open(app.url);
          connection.send(
            `${method} /v1/auth/check${WRITE}${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n` +
              `Authorization: Bearer ${session.accessToken}\r\n${name}: ${value}\r\n\r\n`,
          );
          const [status = ''] = /(?<=^HTTP\/1\.1 )\d+/.exec(await connection.untilClosed()) ?? [];
          statuses.add(status);
          expect(Number(status)).toBeGreaterThanOrEqual(400);
        },
      ),
      { numRuns: 200 },
    );
    expect(statuses).toContain('403');
  });
});
