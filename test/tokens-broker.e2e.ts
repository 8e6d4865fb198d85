import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, verdict, type Person } from './support/people.js';
import { claimsOf, headerOf, reissued } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const BROKER = 'urn:portcullis:broker';
const WRONG = { response: 'Invalid username or password!' };
const PERMISSIONS = { sub: ['/in/*'], pub: ['/out'], all: ['/chat/*'] };

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  ann = (await holderOf(admin, ['tokens:generate'])).person;
});
afterAll(() => app.close());

type Body = Record<string, unknown>;

function generate(change: Body = {}, http = app.http): Promise<Answer<Body>> {
  const { username, password } = ann;
  return http.post('/token/generate', { username, password, ttlSeconds: 600, permissions: PERMISSIONS, ...change });
}

async function brokerToken(change: Body = {}): Promise<string> {
  const { status, body } = await generate(change);
  expect([status, body]).toEqual([200, { response: expect.any(String) }]);
  return String(body['response']);
}

const check = async (token: string, action: string, subject: string): Promise<Body> => {
  const { status, body } = await admin.post('/v1/tokens/check', { token, action, subject });
  expect([status, body]).toEqual([200, body]);
  return body;
};

describe('POST /token/generate', () => {
  it('gives a token for the broker, by the issuer’s key, about the user', async () => {
    const token = await brokerToken();
    expect(headerOf(token)).toMatchObject({ alg: 'RS256', typ: 'broker+jwt' });
    const keys = createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: BROKER });
    expect(payload).toEqual({
      iss: ISSUER,
      sub: ann.id,
      aud: BROKER,
      iat: expect.any(Number),
      exp: Number(payload.iat) + 600,
      jti: expect.any(String),
      client_id: 'portcullis',
      roles: [],
      permissions: PERMISSIONS,
      as_of: expect.any(Number),
    });
  });

  it('keeps a record of it, as of any generated token', async () => {
    const { jti } = claimsOf(await brokerToken());
    const { body } = await admin.get<{ items: Body[] }>(`/v1/tokens?subject=${ann.id}&audience=${BROKER}&limit=1`);
    expect(body.items).toMatchObject([{ jti, generatedBy: ann.id, generatedByType: 'user', permissions: PERMISSIONS }]);
  });

  it('signs with the secret of the audience, and within its lifetime, where it is registered', async () => {
    const other = await startApp({ env: { PORTCULLIS_BROKER_AUDIENCE: 'urn:mq' } });
    const root = await other.admin();
    const { person } = await holderOf(root, ['tokens:generate']);
    const body = { username: person.username, password: person.password, ttlSeconds: 300, permissions: {} };
    const registered = await root.post('/v1/audiences', {
      identifier: 'urn:mq',
      algorithm: 'HS256',
      tokenTtlSeconds: 300,
    });
    const secret = Buffer.from(String(registered.body['secret']), 'base64');
    const { response } = (await other.http.post('/token/generate', body)).body;
    const { payload, protectedHeader } = await jwtVerify(String(response), secret, { audience: 'urn:mq' });
    expect([protectedHeader.alg, payload['permissions']]).toEqual(['HS256', { sub: [], pub: [], all: [] }]);
    const tooLong = await other.http.post('/token/generate', { ...body, ttlSeconds: 301 });
    expect([tooLong.status, tooLong.body]).toEqual([
      400,
      { response: 'ttlSeconds must not be more than 300: the longest for this audience' },
    ]);
    await other.close();
  });

  it('says that there is no broker, where there is none', async () => {
    const other = await startApp({ env: { PORTCULLIS_BROKER_AUDIENCE: 'off' }, database: app.database });
    const { status, body } = await generate({}, other.http);
    expect([status, body]).toEqual([404, { response: expect.any(String) }]);
    await other.close();
  });

  it('answers wrong credentials the same, whatever is wrong', async () => {
    const [disabled, powerless] = [await createPerson(admin), await createPerson(admin)];
    await admin.post(`/v1/users/${disabled.id}/disable`);
    const answers = await Promise.all([
      generate({ password: 'not the password' }),
      generate({ username: 'nobody' }),
      generate({ username: 'nobody@example.org' }),
      generate({ username: disabled.username, password: disabled.password }),
      generate({ username: powerless.username, password: 'not the password' }),
    ]);
    const seen = answers.map(({ status, headers, body }) => {
      const names = [...headers.keys()].filter((name) => name !== 'x-request-id');
      return JSON.stringify([status, names, headers.get('content-type'), body]);
    });
    expect(new Set(seen).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 400, body: WRONG });
  });

  it('tells who has the right password what else is missing', async () => {
    const powerless = await createPerson(admin, ['auditor']);
    const lacking = await generate({ username: powerless.username, password: powerless.password });
    expect([lacking.status, lacking.body]).toEqual([403, { response: 'This user lacks tokens:generate.' }]);
    const audited = await admin.get<{ items: Body[] }>(`/v1/audit-events?action=access.denied&actorId=${powerless.id}`);
    expect(audited.body.items).toMatchObject([{ details: { missing: ['tokens:generate'] } }]);
    const { person } = await holderOf(admin, ['tokens:generate']);
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [person.id]);
    const due = await generate({ username: person.username, password: person.password });
    expect([due.status, due.body]).toEqual([403, { response: expect.stringContaining('must be changed') }]);
  });

  it('locks an account together with the login', async () => {
    const { person } = await holderOf(admin, ['tokens:generate']);
    const { username, password } = person;
    for (let n = 0; n < 5; n++) {
      expect((await generate({ username, password: 'a guess' })).status).toBe(400);
      expect((await app.http.post('/v1/auth/login', { username, password: 'a guess' })).status).toBe(401);
    }
    const locked = await generate({ username, password });
    expect([locked.status, locked.body]).toEqual([429, { response: 'Too many attempts. Try again later.' }]);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(890);
    expect((await app.http.post('/v1/auth/login', { username, password })).status).toBe(429);
  });

  it('slows down one address as a login does', async () => {
    const limited = await startApp({ env: { PORTCULLIS_RATE_LIMITS: 'on' }, database: app.database });
    const statuses: number[] = [];
    for (let n = 0; n < 61; n++) statuses.push((await generate({ username: `u${n}` }, limited.http)).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    expect((await limited.http.post('/v1/auth/login', { username: ann.username, password: ann.password })).status).toBe(
      429,
    );
    await app.database.query('DELETE FROM rate_limits');
    await limited.close();
  });

  it.each<[Body, string]>([
    [{ permissions: { sub: ['/a', 'not/a/subject'] } }, '"not/a/subject"'],
    [{ permissions: { pub: ['/a//b'] } }, '"/a//b"'],
    [{ permissions: { all: ['/'] } }, '"/"'],
    [{ permissions: { read: ['/a'] } }, 'kinds'],
    [{ permissions: [] }, 'permissions'],
    [{ permissions: undefined }, 'permissions'],
    [{ ttlSeconds: 1.5 }, 'ttlSeconds'],
    [{ ttlSeconds: '600' }, 'ttlSeconds'],
    [{ ttlSeconds: 0 }, 'ttlSeconds'],
    [{ ttlSeconds: -60 }, 'ttlSeconds'],
    [{ ttlSeconds: 86_401 }, 'must not be more than 86400: PORTCULLIS_MAX_TOKEN_TTL'],
    [{ ttlSeconds: undefined }, 'ttlSeconds'],
    [{ username: undefined }, 'username'],
    [{ password: '' }, 'password'],
    [{ audience: 'urn:x' }, '"audience"'],
  ])('answers 400 to %j, naming %s', async (change, named) => {
    const { status, body } = await generate(change);
    expect([status, body]).toEqual([400, { response: expect.stringContaining(named) }]);
  });

  it.each<[string, number, string, Record<string, string>]>([
    ['broken JSON', 400, '{', {}],
    ['an array', 400, '[]', {}],
    ['an empty body', 400, '', {}],
    ['half a surrogate pair', 400, '{"username": "\\ud800"}', {}],
    ['another type', 415, 'username=ann', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['too large a body', 413, JSON.stringify({ username: 'x'.repeat(2_000_000) }), {}],
  ])('answers %s in the same form, before anything has looked at it', async (_, status, text, headers) => {
    const answer = await app.http.raw<Body>('POST', '/token/generate', text, {
      headers: { 'content-type': 'application/json', ...headers },
    });
    expect([answer.status, answer.body]).toEqual([status, { response: expect.stringMatching(/./) }]);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('says in the same form that another method is wanted, and that it cannot answer', async () => {
    const get = await app.http.get<Body>('/token/generate');
    expect([get.status, get.headers.get('allow'), get.body]).toEqual([405, 'POST', { response: expect.any(String) }]);
    await app.database.query('ALTER TABLE users RENAME TO users_away');
    try {
      const { status, body } = await generate();
      expect([status, body]).toEqual([500, { response: expect.stringContaining('went wrong') }]);
    } finally {
      await app.database.query('ALTER TABLE users_away RENAME TO users');
    }
  });

  it('gives nothing that survives a change of password or a demotion', async () => {
    for (const change of [
      `UPDATE users SET password_hash = 'x' WHERE id = $1`,
      'DELETE FROM user_roles WHERE user_id = $1',
      `UPDATE users SET status = 'disabled' WHERE id = $1`,
      'DELETE FROM users WHERE id = $1',
    ]) {
      const { person } = await holderOf(admin, ['tokens:generate']);
      const token = await brokerToken({ username: person.username, password: person.password });
      expect(await check(token, 'pub', '/out')).toEqual({ allowed: true });
      await app.database.query(change, [person.id]);
      expect(await check(token, 'pub', '/out')).toMatchObject({ allowed: false });
    }
  });
});

describe('POST /v1/tokens/check', () => {
  it.each([
    ['sub', '/in/a/b', true],
    ['pub', '/in/a/b', false],
    ['pub', '/out', true],
    ['sub', '/out', false],
    ['sub', '/chat/room', true],
    ['pub', '/chat/room', true],
    ['pub', '/chat', false],
    ['sub', '/chat/*', true],
    ['sub', '/*', false],
  ])('%s %s: %s', async (action, subject, allowed) => {
    const decision = await check(await brokerToken(), action, subject);
    expect(decision).toEqual(allowed ? { allowed } : { allowed, reason: 'not_permitted' });
  });

  it('takes a token that was generated for any audience', async () => {
    await admin.post('/v1/audiences', { identifier: 'urn:mq:hmac', algorithm: 'HS512' });
    const body = { audience: 'urn:mq:hmac', subject: 'sensor-1', ttlSeconds: 60, permissions: { pub: ['/sensors/1'] } };
    const { body: generated } = await admin.post('/v1/tokens', body);
    const token = String(generated['access_token']);
    expect(headerOf(token)).toMatchObject({ alg: 'HS512', typ: 'broker+jwt' });
    expect(await check(token, 'pub', '/sensors/1')).toEqual({ allowed: true });
    await admin.delete(`/v1/tokens/${String(generated['jti'])}`);
    expect(await check(token, 'pub', '/sensors/1')).toEqual({ allowed: false, reason: 'token_revoked' });
  });

  it('takes no access token, and nothing that is none', async () => {
    const { body } = await app.http.post('/v1/auth/login', { username: ann.username, password: ann.password });
    expect(await check(String(body['access_token']), 'pub', '/out')).toEqual({ allowed: false, reason: 'wrong_type' });
    expect(await check('garbage', 'pub', '/out')).toEqual({ allowed: false, reason: 'malformed' });
    const [header, payload] = (await brokerToken()).split('.');
    const forged = `${header ?? ''}.${payload ?? ''}.${Buffer.alloc(256).toString('base64url')}`;
    expect(await check(forged, 'pub', '/out')).toEqual({ allowed: false, reason: 'bad_signature' });
  });

  it('is for the audience that asks; what the secret of another signs opens no broker', async () => {
    await admin.post('/v1/audiences', { identifier: 'urn:check:shared', algorithm: 'HS256' });
    await admin.post('/v1/audiences', { identifier: 'urn:check:other', algorithm: 'RS256' });
    const tokenFor = async (audience: string): Promise<string> => {
      const order = { audience, ttlSeconds: 60, permissions: { all: ['/*'] } };
      return String((await admin.post('/v1/tokens', order)).body['access_token']);
    };
    const decision = async (token: string, audience?: string): Promise<unknown> => {
      const question = { token, action: 'pub', subject: '/a', audience };
      const { allowed, reason } = (await admin.post('/v1/tokens/check', question)).body;
      return reason ?? allowed;
    };
    const [shared, other] = [await tokenFor('urn:check:shared'), await tokenFor('urn:check:other')];
    expect(await decision(shared)).toBe(true);
    const forged = await reissued(app, shared, { permissions: { sub: [], pub: [], all: ['/*', '/a'] } });
    const invented = await reissued(app, shared, { jti: 'invented' });
    expect(await decision(forged)).toBe('wrong_audience');
    expect(await decision(invented)).toBe('wrong_audience');
    expect(await decision(shared, BROKER)).toBe('wrong_audience');
    expect(await decision(shared, 'urn:check:shared')).toBe(true);
    expect(await decision(other)).toBe(true);
    expect(await decision(other, BROKER)).toBe('wrong_audience');
    expect(await decision(await brokerToken(), BROKER)).toBe('not_permitted');
  });

  it('needs tokens:introspect, and a subject', async () => {
    const token = await brokerToken();
    const { client } = await holderOf(admin, ['tokens:explain']);
    expect((await client.post('/v1/tokens/check', { token, action: 'pub', subject: '/out' })).status).toBe(403);
    for (const body of [
      { token, action: 'pub', subject: 'out' },
      { token, action: 'all', subject: '/out' },
      { action: 'pub', subject: '/out' },
    ])
      expect((await admin.post('/v1/tokens/check', body)).status).toBe(400);
  });

  it('lets no broker’s token in at the service itself', async () => {
    const { body } = await admin.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 60, permissions: { all: ['/*'] } });
    expect(await verdict(app.http.as(String(body['access_token'])))).toBe('401 wrong_type');
  });
});
