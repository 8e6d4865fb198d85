import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import {
  basic,
  bearer,
  clientToken,
  createAudience,
  createClient,
  postForm,
  type RegisteredClient,
} from './support/oauth.js';
import { claimsOf, headerOf } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const GRANT = { grant_type: 'client_credentials' };

let app: TestApp;
let admin: HttpClient;
let orders: string;
let billing: string;
let client: RegisteredClient;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_BODY_LIMIT: '4096' } });
  admin = await app.admin();
  [orders, billing] = [await createAudience(admin), await createAudience(admin)];
  client = await createClient(admin, { permissions: ['users:read', 'roles:read'], audiences: [orders, billing] });
});
afterAll(() => app.close());

const ask = (fields: Parameters<typeof postForm>[2], headers: Record<string, string> = basic(client)) =>
  postForm(app.http, '/oauth/token', fields, headers);

describe('a client gets a token', () => {
  it('of its own, for the service itself, with all that it holds', async () => {
    const { status, headers, body } = await ask(GRANT);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'roles:read users:read',
    });
    const token = body['access_token'] as string;
    expect(headerOf(token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
    expect(claimsOf(token)).toMatchObject({
      iss: ISSUER,
      sub: client.clientId,
      client_id: client.clientId,
      aud: ISSUER,
      permissions: ['roles:read', 'users:read'],
    });
    expect(claimsOf(token)).not.toHaveProperty('sid');
    expect((await app.http.as(token).get('/v1/users')).status).toBe(200);
    expect((await app.http.as(token).get('/v1/audit-events')).status).toBe(403);
  });

  it('by its secret in the body, or in the header encoded as in a form', async () => {
    const { clientId: client_id, clientSecret: client_secret } = client;
    expect((await ask({ ...GRANT, client_id, client_secret }, {})).status).toBe(200);
    const encoded = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');
    const escaped = { clientId: encoded(client_id), clientSecret: encoded(client_secret) };
    expect((await ask({ ...GRANT, client_id }, basic(escaped))).status).toBe(200);
  });

  it('with what it asks for and holds', async () => {
    const { body } = await ask({ ...GRANT, scope: 'users:read keys:write nobody:knows users:read' });
    expect(body['scope']).toBe('users:read');
    expect(claimsOf(body['access_token'] as string)).toMatchObject({
      permissions: ['users:read'],
      scope: 'users:read',
    });
  });

  it('without scope in the answer when it holds nothing', async () => {
    const { body } = await ask(GRANT, basic(await createClient(admin)));
    expect(body).not.toHaveProperty('scope');
  });

  it('for the resources that it asks for', async () => {
    const one = await clientToken(app.http, client, { resource: orders });
    expect(claimsOf(one)['aud']).toBe(orders);
    const { body } = await ask([...Object.entries(GRANT), ['resource', orders], ['resource', ISSUER]]);
    expect(claimsOf(body['access_token'] as string)['aud']).toEqual([orders, ISSUER]);
    expect((await app.http.as(one).get('/v1/users')).body).toMatchObject({ code: 'invalid_token' });
    expect((await app.http.as(body['access_token'] as string).get('/v1/users')).status).toBe(200);
  });

  it('signed with the secret of the audience, where it has one', async () => {
    const own = await createAudience(admin, { algorithm: 'HS256' });
    const hmac = await createClient(admin, { audiences: [own, orders] });
    expect(headerOf(await clientToken(app.http, hmac, { resource: own }))).toMatchObject({ alg: 'HS256' });
    const both = [...Object.entries(GRANT), ['resource', own], ['resource', orders]] as [string, string][];
    const { status, body } = await ask(both, basic(hmac));
    expect([status, body['error']]).toEqual([400, 'invalid_target']);
  });

  it('whatever else it sends along', async () => {
    expect((await ask({ ...GRANT, audience: 'x', foo: 'bar', scope: '' })).status).toBe(200);
  });

  it('with either of two secrets, until one is gone', async () => {
    const rotating = await createClient(admin);
    const path = `/v1/clients/${rotating.clientId}/secrets`;
    const { body: second } = await admin.post(path);
    const next = { ...rotating, clientSecret: second['clientSecret'] as string };
    expect((await ask(GRANT, basic(rotating))).status).toBe(200);
    expect((await ask(GRANT, basic(next))).status).toBe(200);
    const { body } = await admin.get<{ items: { secretId: string }[] }>(path);
    const first = body.items.find(({ secretId }) => secretId !== second['secretId']);
    expect((await admin.delete(`${path}/${first?.secretId ?? ''}`)).status).toBe(204);
    expect((await ask(GRANT, basic(rotating))).body['error']).toBe('invalid_client');
    expect((await ask(GRANT, basic(next))).status).toBe(200);
  });
});

describe('a client that proves nothing', () => {
  const wrong = () => ({ ...client, clientSecret: 'x'.repeat(43) });
  const refused = 'The client is not known here, or did not prove that it is this client.';

  it.each<[string, () => Promise<RegisteredClient>]>([
    ['is unknown', () => Promise.resolve({ clientId: 'nobody', clientSecret: client.clientSecret })],
    ['cannot be', () => Promise.resolve({ clientId: 'no\0body', clientSecret: client.clientSecret })],
    ['has another secret', () => Promise.resolve(wrong())],
    ['has no secret', () => Promise.resolve({ ...client, clientSecret: '' })],
    ['is the client of the logins', () => Promise.resolve({ clientId: 'portcullis', clientSecret: 'x' })],
    [
      'is disabled',
      async () => {
        const disabled = await createClient(admin);
        await admin.post(`/v1/clients/${disabled.clientId}/disable`);
        return disabled;
      },
    ],
  ])('hears one answer: %s', async (_, find) => {
    const found = await find();
    const inHeader = await ask(GRANT, basic(found));
    expect([inHeader.status, inHeader.body]).toEqual([401, { error: 'invalid_client', error_description: refused }]);
    expect(inHeader.headers.get('www-authenticate')).toMatch(/^Basic realm="portcullis"/);
    expect(inHeader.headers.get('cache-control')).toBe('no-store');
    if (found.clientSecret === '') return;
    const inBody = await ask({ ...GRANT, client_id: found.clientId, client_secret: found.clientSecret }, {});
    expect([inBody.status, inBody.body]).toEqual([401, { error: 'invalid_client', error_description: refused }]);
    expect(inBody.headers.get('www-authenticate')).toBeNull();
  });

  it.each([
    ['nothing', {}],
    ['a name', { client_id: 'orders' }],
    ['the name of the logins', { client_id: 'portcullis' }],
  ])('gets no token for %s', async (_, fields) => {
    expect((await ask({ ...GRANT, ...fields }, {})).body['error']).toBe('invalid_client');
  });

  it('gets no token for a token', async () => {
    const { status, body, headers } = await ask(GRANT, bearer(await clientToken(app.http, client)));
    expect([status, body['error']]).toEqual([401, 'invalid_client']);
    expect(headers.get('www-authenticate')).toMatch(/^Basic /);
  });

  it('is in the audit trail, with the reason that it does not hear', async () => {
    await ask(GRANT, basic(wrong()));
    const query = `?action=client.authentication_failed&targetId=${client.clientId}&limit=1`;
    const { body } = await admin.get<{ items: object[] }>(`/v1/audit-events${query}`);
    expect(body.items).toMatchObject([
      { outcome: 'failure', details: { method: 'client_secret_basic', reason: 'wrong_secret' } },
    ]);
    expect(JSON.stringify(body)).not.toContain('xxxx');
  });

  it('is no row in the audit trail when it does prove itself', async () => {
    const rows = () => app.database.query<{ count: string }>('SELECT count(*) FROM audit_events');
    const before = await rows();
    await clientToken(app.http, client);
    expect(await rows()).toEqual(before);
  });
});

describe('a request that is none', () => {
  it.each<[string, Parameters<typeof postForm>[2], string]>([
    ['no grant type', {}, 'invalid_request'],
    ['an empty grant type', { grant_type: '' }, 'invalid_request'],
    ['an unknown grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    [
      'the grant type twice',
      [
        ['grant_type', 'client_credentials'],
        ['grant_type', 'client_credentials'],
      ],
      'invalid_request',
    ],
    ['an unknown parameter twice', [...Object.entries(GRANT), ['x', '1'], ['x', '2']], 'invalid_request'],
    ['a scope that is none', { ...GRANT, scope: 'a"b' }, 'invalid_scope'],
    ['a scope of nothing that it holds', { ...GRANT, scope: 'keys:write' }, 'invalid_scope'],
    ['a resource of others', { ...GRANT, resource: 'https://evil.test' }, 'invalid_target'],
    ['another client_id', { ...GRANT, client_id: 'nobody' }, 'invalid_request'],
    ['two proofs', { ...GRANT, client_secret: 'x', client_id: 'y' }, 'invalid_request'],
  ])('is refused with an error of RFC 6749: %s', async (_, fields, error) => {
    const { status, headers, body } = await ask(fields);
    expect([status, body['error']]).toEqual([400, error]);
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
  });

  it.each<[string, string, number, string, Record<string, string>]>([
    ['JSON', 'POST', 415, '{"grant_type":"client_credentials"}', { 'content-type': 'application/json' }],
    ['text', 'POST', 415, 'grant_type=client_credentials', { 'content-type': 'text/plain' }],
    ['broken encoding', 'POST', 400, 'grant_type=%zz', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['too much', 'POST', 413, 'x'.repeat(5000), { 'content-type': 'application/x-www-form-urlencoded' }],
    ['another method', 'PUT', 405, '', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('is refused in the same form when the framework refuses it: %s', async (_, method, status, sent, headers) => {
    const answer = await app.http.raw(method, '/oauth/token', sent, { headers });
    expect([answer.status, answer.body['error']]).toEqual([status, 'invalid_request']);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('is not looked for in the address', async () => {
    const { clientId: client_id, clientSecret: client_secret } = client;
    const query = new URLSearchParams({ ...GRANT, client_id, client_secret }).toString();
    expect((await app.http.raw('POST', `/oauth/token?${query}`)).body['error']).toBe('invalid_request');
  });
});
