import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AudiencesService } from '../src/clients/audiences.service.js';
import { KeysService } from '../src/keys/keys.service.js';
import { startApp, type TestApp } from './support/app.js';
import { freshName } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { clockOf, eventsSince } from './support/window.js';

type Problem = Answer<{ code?: string; errors?: { field: string; message: string }[] }>;
type Body = Record<string, unknown>;

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_MAX_TOKEN_TTL: '2h' } });
  admin = await app.admin();
});
afterAll(() => app.close());

const problem = ({ status, body }: Problem) => ({
  status,
  code: body.code,
  fields: body.errors?.map(({ field }) => field),
});
const invalid = (...fields: string[]) => ({ status: 400, code: 'validation_failed', fields });
const addressOf = (identifier: string): string => `/v1/audiences/${encodeURIComponent(identifier)}`;

async function createAudience(given: object = {}): Promise<Body & { identifier: string }> {
  const identifier = freshName('urn:audience');
  const { status, body } = await admin.post('/v1/audiences', { identifier, algorithm: 'RS256', ...given });
  expect([status, body]).toEqual([201, body]);
  return { identifier, ...body };
}

async function keysOf(audience: string): Promise<unknown[]> {
  return app.database.query(
    `SELECT kid, algorithm, state, private_key IS NOT NULL AS kept FROM signing_keys WHERE audience = $1
     ORDER BY created_at`,
    [audience],
  );
}

describe('an audience', () => {
  it.each(['orders', 'urn:example:orders', 'https://orders.example.org/v1?a=b', `https://x.org/${'x/'.repeat(93)}`])(
    'is a word or a URI: %s',
    async (identifier) => {
      const made = await admin.post('/v1/audiences', { identifier, algorithm: 'RS256' });
      expect(made).toMatchObject({
        status: 201,
        body: { identifier, algorithm: 'RS256', tokenTtlSeconds: null, claims: {} },
      });
      const read = await admin.get(addressOf(identifier));
      expect(read).toMatchObject({ status: 200, body: made.body });
      expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
      expect(made.body).not.toHaveProperty('secret');
      expect(made.body).not.toHaveProperty('kid');
      expect((await admin.delete(addressOf(identifier))).status).toBe(204);
      expect(problem(await admin.get(addressOf(identifier)))).toMatchObject({ status: 404 });
    },
  );

  it.each([
    'http://localhost:3000',
    'http://localhost:3000/',
    'HTTP://localhost:3000',
    'portcullis',
    'Portcullis',
    '..',
    'a b',
    'a#b',
    '',
    'x'.repeat(201),
    'a\0',
    7,
    null,
  ])('is never %j', async (identifier) => {
    const answer = problem(await admin.post('/v1/audiences', { identifier, algorithm: 'RS256' }));
    expect({ ...answer, fields: [...new Set(answer.fields)] }).toEqual(invalid('identifier'));
  });

  it('is registered once', async () => {
    const { identifier } = await createAudience();
    expect(problem(await admin.post('/v1/audiences', { identifier, algorithm: 'EdDSA' }))).toEqual({
      status: 409,
      code: 'identifier_taken',
      fields: ['identifier'],
    });
    const keys = await app.database.query(`SELECT FROM signing_keys WHERE algorithm = 'EdDSA'`);
    expect(keys).toHaveLength(0);
  });

  it('is never the issuer: nothing starts as an issuer that is registered as an audience', async () => {
    const { identifier } = await createAudience({ identifier: 'http://shared.example', algorithm: 'HS256' });
    const start = startApp({ database: app.database, env: { PORTCULLIS_ISSUER: identifier } });
    await expect(start).rejects.toThrow(/PORTCULLIS_ISSUER must not be http:\/\/shared\.example/);
  });

  it.each<[object, string[]]>([
    [{ algorithm: 'none' }, ['algorithm']],
    [{ algorithm: 'HS257' }, ['algorithm']],
    [{ tokenTtlSeconds: 0 }, ['tokenTtlSeconds']],
    [{ tokenTtlSeconds: 7201 }, ['tokenTtlSeconds']],
    [{ tokenTtlSeconds: 1.5 }, ['tokenTtlSeconds']],
    [{ claims: { sub: 'user.email' } }, ['claims.sub']],
    [{ claims: { toString: 'user.email' } }, ['claims.toString']],
    [{ claims: { email: 'user.password_hash', name: 'user.displayName' } }, ['claims.email']],
    [{ claims: { email: { $ne: null } } }, ['claims.email']],
    [{ claims: { 'a b': 'user.email' } }, ['claims']],
    [{ claims: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`c${n}`, 'user.id'])) }, ['claims']],
    [{ claims: [] }, ['claims']],
    [{ secret: randomBytes(32).toString('base64') }, ['secret']],
    [{ kid: 'x' }, ['kid']],
  ])('is not registered with %j', async (given, fields) => {
    const identifier = freshName('urn:refused');
    const answer = problem(await admin.post('/v1/audiences', { identifier, algorithm: 'RS256', ...given }));
    expect({ ...answer, fields: [...new Set(answer.fields)] }).toEqual(invalid(...fields));
  });

  it('shares the key of its algorithm, which is there from then on', async () => {
    await createAudience({ algorithm: 'EdDSA' });
    await createAudience({ algorithm: 'EdDSA' });
    const active = await app.database.query(
      `SELECT audience FROM signing_keys WHERE algorithm = 'EdDSA' AND state = 'active'`,
    );
    expect(active).toEqual([{ audience: null }]);
  });

  it('is listed by identifier, page by page', async () => {
    for (const identifier of ['urn:page:b', 'urn:page:a', 'urn:page:c']) {
      await admin.post('/v1/audiences', { identifier, algorithm: 'RS256' });
    }
    const seen: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await admin.get<{ items: Body[]; nextCursor: string | null }>(`/v1/audiences?limit=2${query}`);
      seen.push(...body.items.map(({ identifier }) => identifier));
      cursor = body.nextCursor;
    }
    expect(seen.filter((identifier) => String(identifier).startsWith('urn:page:'))).toEqual([
      'urn:page:a',
      'urn:page:b',
      'urn:page:c',
    ]);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('is changed, and only as it was read', async () => {
    const { identifier } = await createAudience();
    const path = addressOf(identifier);
    const before = await clockOf(app.database);
    const change = { tokenTtlSeconds: 7200, claims: { email: 'user.email', 'https://example.org/app': 'client.name' } };
    const changed = await admin.patch(path, change, { headers: { 'if-match': '"1"' } });
    expect(changed).toMatchObject({ status: 200, body: change });
    expect(changed.headers.get('etag')).toBe('"2"');
    expect((await admin.patch(path, change)).headers.get('etag')).toBe('"2"');
    expect(await admin.patch(path, { tokenTtlSeconds: null, claims: {} })).toMatchObject({
      status: 200,
      body: { tokenTtlSeconds: null, claims: {} },
    });
    expect(await eventsSince(app.database, before)).toEqual([]);
    for (const answer of [
      await admin.patch(path, { claims: {} }, { headers: { 'if-match': '"1"' } }),
      await admin.delete(path, undefined, { headers: { 'if-match': '"1"' } }),
    ]) {
      expect(problem(answer)).toMatchObject({ status: 412 });
    }
    expect(problem(await admin.patch(path, { tokenTtlSeconds: 7201 }))).toEqual(invalid('tokenTtlSeconds'));
    expect(problem(await admin.patch(path, { identifier: 'urn:other' }))).toEqual(invalid('identifier'));
    expect(problem(await admin.patch(addressOf('urn:nobody'), { claims: {} }))).toMatchObject({ status: 404 });
  });

  it('takes its tokens with it when it goes, and is taken from its clients', async () => {
    const { identifier } = await createAudience();
    const client = await admin.post('/v1/clients', { name: 'x', audiences: [identifier] });
    const path = `/v1/clients/${String(client.body['clientId'])}`;
    const before = await clockOf(app.database);
    expect((await admin.delete(addressOf(identifier))).status).toBe(204);
    const read = await admin.get(path);
    expect(read.body['audiences']).toEqual([]);
    expect(read.headers.get('etag')).not.toBe(client.headers.get('etag'));
    expect(await eventsSince(app.database, before)).toEqual([
      { kind: 'audience', key: identifier, reason: 'forced_expiration' },
      { kind: 'client', key: client.body['clientId'], reason: 'facts_changed' },
    ]);
    expect(await app.nest.get(AudiencesService).get(identifier)).toBeNull();
  });

  it('of another algorithm ends the tokens it had', async () => {
    const { identifier } = await createAudience();
    const before = await clockOf(app.database);
    expect(await admin.patch(addressOf(identifier), { algorithm: 'ES256' })).toMatchObject({
      status: 200,
      body: { algorithm: 'ES256' },
    });
    expect(await eventsSince(app.database, before)).toEqual([
      { kind: 'audience', key: identifier, reason: 'forced_expiration' },
    ]);
  });
});

describe('the secret of an audience', () => {
  it.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ])('for %s has %d bytes, is shown once and kept encrypted', async (algorithm, length) => {
    const { identifier, secret, kid } = await createAudience({ algorithm });
    const bytes = Buffer.from(String(secret), 'base64');
    expect(bytes).toHaveLength(length);
    expect((await admin.get(addressOf(identifier))).body).toMatchObject({ algorithm, kid });
    expect((await admin.get(addressOf(identifier))).body).not.toHaveProperty('secret');
    expect(await keysOf(identifier)).toEqual([{ kid, algorithm, state: 'active', kept: true }]);
    const key = await app.nest.get(KeysService).refresh(String(kid));
    expect(key?.key.export()).toEqual(bytes);
    expect(key).toMatchObject({ algorithm, audience: identifier });
    const dump = await app.database.query('SELECT encode(private_key, $1) AS key FROM signing_keys', ['hex']);
    expect(JSON.stringify(dump)).not.toContain(bytes.toString('hex'));
    const audited = await app.database.query('SELECT details::text FROM audit_events');
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      expect(JSON.stringify(audited)).not.toContain(bytes.toString(encoding));
    }
    expect(JSON.stringify((await app.http.get('/.well-known/jwks.json')).body)).not.toContain(String(kid));
  });

  it('may be given, in base64 or base64url', async () => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const bytes = randomBytes(48);
      const { secret } = await createAudience({ algorithm: 'HS384', secret: bytes.toString(encoding) });
      expect(secret).toBe(bytes.toString('base64'));
    }
  });

  it.each<[string, string]>([
    ['too short', randomBytes(31).toString('base64')],
    ['of another algorithm', randomBytes(48).toString('base64')],
    ['between two lengths', randomBytes(33).toString('base64')],
    ['empty', ''],
    ['not base64', 'not base64 at all, but long enough!'],
    ['hexadecimal', randomBytes(32).toString('hex')],
    ['all the same', Buffer.alloc(32, 0x41).toString('base64')],
    ['counted', Buffer.from(Array.from({ length: 32 }, (_, n) => n)).toString('base64')],
    ['made of words', Buffer.from('this-is-my-super-secret-jwt-key!').toString('base64')],
  ])('is refused when it is %s, with the reason', async (_what, secret) => {
    const identifier = freshName('urn:weak');
    const answer: Problem = await admin.post('/v1/audiences', { identifier, algorithm: 'HS256', secret });
    expect(problem(answer)).toEqual(invalid('secret'));
    expect(answer.body.errors?.[0]?.message.length).toBeGreaterThan(10);
    expect(await keysOf(identifier)).toEqual([]);
  });

  it('is replaced, and the one before goes on verifying', async () => {
    const { identifier, kid: former, secret } = await createAudience({ algorithm: 'HS256' });
    const path = `${addressOf(identifier)}/secret`;
    const before = await clockOf(app.database);
    const generated = await admin.post(path);
    expect(generated).toMatchObject({ status: 200, body: { identifier, algorithm: 'HS256' } });
    expect(generated.body['secret']).not.toBe(secret);
    expect(generated.headers.get('etag')).toBe('"2"');
    const given = randomBytes(32).toString('base64');
    const imported = await admin.post(path, { secret: given }, { headers: { 'if-match': '"2"' } });
    expect(imported.body['secret']).toBe(given);
    expect(problem(await admin.post(path, {}, { headers: { 'if-match': '"2"' } }))).toMatchObject({ status: 412 });
    expect(await keysOf(identifier)).toEqual([
      { kid: former, algorithm: 'HS256', state: 'retiring', kept: true },
      { kid: generated.body['kid'], algorithm: 'HS256', state: 'retiring', kept: true },
      { kid: imported.body['kid'], algorithm: 'HS256', state: 'active', kept: true },
    ]);
    expect(await eventsSince(app.database, before)).toEqual([]);
    expect(await app.nest.get(KeysService).refresh(String(former))).toBeDefined();
    expect(problem(await admin.post(path, { secret: 'short' }))).toEqual(invalid('secret'));
    expect(problem(await admin.post(`${addressOf('urn:nobody')}/secret`))).toMatchObject({ status: 404 });
  });

  it('is nothing for an algorithm with a key that all share', async () => {
    const { identifier } = await createAudience();
    expect(problem(await admin.post(`${addressOf(identifier)}/secret`))).toMatchObject({
      status: 409,
      code: 'no_secret',
    });
    expect(problem(await admin.patch(addressOf(identifier), { secret: 'x' }))).toEqual(invalid('secret'));
  });

  it('is revoked when the audience goes', async () => {
    const { identifier, kid } = await createAudience({ algorithm: 'HS512' });
    const before = await clockOf(app.database);
    await admin.delete(addressOf(identifier));
    expect(await keysOf(identifier)).toEqual([{ kid, algorithm: 'HS512', state: 'revoked', kept: false }]);
    expect(await eventsSince(app.database, before)).toEqual([
      { kind: 'audience', key: identifier, reason: 'forced_expiration' },
      { kind: 'signing_key', key: kid, reason: 'key_revoked' },
    ]);
    const trail = `SELECT action, details->>'reason' AS reason FROM audit_events WHERE target_id = $1 ORDER BY id DESC LIMIT 1`;
    expect(await app.database.query(trail, [kid])).toEqual([{ action: 'key.revoked', reason: 'audience_deleted' }]);
    const again = await createAudience({ identifier, algorithm: 'HS512' });
    expect(again['kid']).not.toBe(kid);
  });

  it('comes and goes with the algorithm', async () => {
    const { identifier, kid: first } = await createAudience({ algorithm: 'HS256' });
    const path = addressOf(identifier);
    const longer = await admin.patch(path, { algorithm: 'HS384' });
    expect(Buffer.from(String(longer.body['secret']), 'base64')).toHaveLength(48);
    const shared = await admin.patch(path, { algorithm: 'RS256' });
    expect(shared.body).not.toHaveProperty('kid');
    const secret = randomBytes(32).toString('base64');
    const back = await admin.patch(path, { algorithm: 'HS256', secret });
    expect(back.body['secret']).toBe(secret);
    expect(await keysOf(identifier)).toEqual([
      { kid: first, algorithm: 'HS256', state: 'revoked', kept: false },
      { kid: longer.body['kid'], algorithm: 'HS384', state: 'revoked', kept: false },
      { kid: back.body['kid'], algorithm: 'HS256', state: 'active', kept: true },
    ]);
  });
});
