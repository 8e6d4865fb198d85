import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import {
  basic,
  bearer,
  clientToken,
  createAudience,
  createClient,
  introspect,
  postForm,
  type RegisteredClient,
} from './support/oauth.js';
import { createPerson, signIn, type Person, type SignedIn } from './support/people.js';
import { claimsOf, reissued } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';

let app: TestApp;
let admin: HttpClient;
let orders: string;
let orderService: RegisteredClient;
let billingService: RegisteredClient;
let caller: RegisteredClient;
let inspector: Record<string, string>;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_PREFERRED_USERNAME_CLAIM: 'on' } });
  admin = await app.admin();
  orders = await createAudience(admin);
  const billing = await createAudience(admin);
  orderService = await createClient(admin, { audiences: [orders] });
  billingService = await createClient(admin, { audiences: [billing] });
  caller = await createClient(admin, { permissions: ['users:read'], audiences: [orders, billing] });
  inspector = bearer(await clientToken(app.http, await createClient(admin, { permissions: ['tokens:introspect'] })));
  await admin.post('/v1/roles', { name: 'support', permissions: ['users:read', 'roles:read'] });
});
afterAll(() => app.close());

const about = (token: string, headers = inspector) => introspect(app.http, token, headers);

describe('a service asks about a token', () => {
  it('of a client, for itself', async () => {
    const token = await clientToken(app.http, caller, { resource: orders });
    const { exp, iat, jti } = claimsOf(token);
    expect(await about(token, basic(orderService))).toEqual({
      active: true,
      scope: 'users:read',
      client_id: caller.clientId,
      token_type: 'Bearer',
      exp,
      iat,
      sub: caller.clientId,
      aud: orders,
      iss: ISSUER,
      jti,
      roles: [],
      permissions: ['users:read'],
    });
  });

  it('that is for itself among others', async () => {
    const form = [
      ['grant_type', 'client_credentials'],
      ['resource', ISSUER],
      ['resource', orders],
    ] as [string, string][];
    const { body } = await postForm(app.http, '/oauth/token', form, basic(caller));
    expect(await about(body['access_token'] as string, basic(orderService))).toMatchObject({ active: true });
  });

  it('that is signed with its own secret', async () => {
    const own = await createAudience(admin, { algorithm: 'HS256' });
    const both = await createClient(admin, { audiences: [own] });
    const token = await clientToken(app.http, both, { resource: own });
    expect(await about(token, basic(both))).toMatchObject({ active: true, aud: own });
    expect(await about(token, basic(orderService))).toEqual({ active: false });
  });

  it('for another, and hears nothing', async () => {
    const token = await clientToken(app.http, caller, { resource: orders });
    expect(await about(token, basic(billingService))).toEqual({ active: false });
    const forIssuer = await clientToken(app.http, caller);
    expect(await about(forIssuer, basic(orderService))).toEqual({ active: false });
    expect(await about(forIssuer, basic(caller))).toEqual({ active: false });
  });

  it('about all of them, when it may', async () => {
    const gateway = await createClient(admin, { permissions: ['tokens:introspect'] });
    const token = await clientToken(app.http, caller, { resource: orders });
    expect(await about(token, basic(gateway))).toMatchObject({ active: true });
  });

  it('by its secret in the body', async () => {
    const token = await clientToken(app.http, caller, { resource: orders });
    const { clientId: client_id, clientSecret: client_secret } = orderService;
    const { body } = await postForm(app.http, '/oauth/introspect', { token, client_id, client_secret });
    expect(body['active']).toBe(true);
  });
});

describe('somebody with tokens:introspect asks about a token', () => {
  let person: Person;
  let ann: SignedIn;

  beforeEach(async () => {
    person = await createPerson(admin, ['support']);
    ann = await signIn(app.http, person);
  });

  it('of a person', async () => {
    const { headers } = await postForm(app.http, '/oauth/introspect', { token: ann.accessToken }, inspector);
    expect(headers.get('cache-control')).toBe('no-store');
    const claims = claimsOf(ann.accessToken);
    expect(await about(ann.accessToken)).toEqual({
      active: true,
      username: person.username,
      client_id: 'portcullis',
      sub: person.id,
      scope: 'roles:read users:read',
      roles: ['support'],
      permissions: ['roles:read', 'users:read'],
      token_type: 'Bearer',
      iss: ISSUER,
      aud: ISSUER,
      exp: claims['exp'],
      iat: claims['iat'],
      jti: claims['jti'],
      sid: claims['sid'],
    });
  });

  it('and learns what it still says', async () => {
    await admin.put('/v1/roles/support/permissions', { permissions: ['roles:read'] });
    expect(await about(ann.accessToken)).toMatchObject({
      active: true,
      scope: 'roles:read',
      permissions: ['roles:read'],
    });
    await admin.put('/v1/roles/support/permissions', { permissions: ['users:read', 'roles:read'] });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its user was disabled', () => admin.post(`/v1/users/${person.id}/disable`)],
    ['its session ended', () => app.http.post('/v1/auth/logout', { refresh_token: ann.refreshToken })],
    ['roles were taken away', () => admin.put(`/v1/users/${person.id}/roles`, { roles: [] })],
  ])('that is not active any more: %s', async (_, end) => {
    await end();
    expect(await about(ann.accessToken)).toEqual({ active: false });
  });

  it('that never was one', async () => {
    const forged = `${ann.accessToken.slice(0, -4)}AAAA`;
    for (const token of ['x', 'a.b.c', 'prt_x', forged, 'é'.repeat(1000)])
      expect(await about(token)).toEqual({ active: false });
    const expired = await reissued(app, ann.accessToken, { exp: 1_600_000_000 });
    const foreign = await reissued(app, ann.accessToken, { iss: 'https://evil.test' });
    for (const token of [expired, foreign]) expect(await about(token)).toEqual({ active: false });
  });

  it('to refresh with, while that is possible, and hears no secret', async () => {
    const answer = await about(ann.refreshToken);
    expect(answer).toEqual({
      active: true,
      client_id: 'portcullis',
      sub: person.id,
      aud: ISSUER,
      iss: ISSUER,
      sid: claimsOf(ann.accessToken)['sid'],
      iat: expect.any(Number),
      exp: expect.any(Number),
    });
    // Asking uses nothing up.
    expect((await app.http.post('/v1/auth/refresh', { refresh_token: ann.refreshToken })).status).toBe(200);
    await app.http.post('/v1/auth/logout', { refresh_token: ann.refreshToken });
    expect(await about(ann.refreshToken)).toEqual({ active: false });
  });

  it('to refresh with, which is no business of a service', async () => {
    expect(await about(ann.refreshToken, basic(orderService))).toEqual({ active: false });
  });

  it.each(['access_token', 'refresh_token', 'nonsense'])('whatever the hint: %s', async (token_type_hint) => {
    for (const token of [ann.accessToken, ann.refreshToken]) {
      const { body } = await postForm(app.http, '/oauth/introspect', { token, token_type_hint }, inspector);
      expect(body['active']).toBe(true);
    }
  });
});

describe('a generated token', () => {
  const generate = async (order: object) => {
    const { status, body } = await admin.post('/v1/tokens', { ttlSeconds: 3600, ...order });
    expect(status).toBe(201);
    return { token: body['access_token'] as string, jti: body['jti'] as string };
  };

  it('is active until it is revoked, for its audience', async () => {
    const { token, jti } = await generate({ audience: orders, subject: 'sensor-7', permissions: ['users:read'] });
    expect(await about(token, basic(orderService))).toMatchObject({ active: true, sub: 'sensor-7', jti });
    expect(await about(token, basic(billingService))).toEqual({ active: false });
    expect((await admin.delete(`/v1/tokens/${jti}`)).status).toBe(204);
    expect(await about(token, basic(orderService))).toEqual({ active: false });
  });

  it('is not active before it may be used', async () => {
    const notBefore = new Date(Date.now() + 600_000).toISOString();
    const { token } = await generate({ audience: orders, permissions: [], notBefore });
    expect(await about(token, basic(orderService))).toEqual({ active: false });
  });

  it('names its subjects, when it is for a broker', async () => {
    const permissions = { sub: ['/prices/*'], pub: [], all: [] };
    const { token } = await generate({ audience: orders, subject: 'sensor-7', permissions });
    const answer = await about(token, basic(orderService));
    expect(answer).toMatchObject({ active: true, sub: 'sensor-7', permissions });
    expect(answer).not.toHaveProperty('scope');
  });
});

describe('nobody else learns anything', () => {
  const ask = (headers: Record<string, string>, fields: Parameters<typeof postForm>[2] = { token: 'x' }) =>
    postForm(app.http, '/oauth/introspect', fields, headers);

  it('without proof', async () => {
    const { status, body, headers } = await ask({});
    expect([status, body['error']]).toEqual([401, 'invalid_client']);
    expect(headers.get('www-authenticate')).toMatch(/^Basic /);
    expect((await ask({}, { token: 'x', client_id: 'portcullis' })).status).toBe(401);
    expect((await ask(basic({ ...orderService, clientSecret: 'x' }))).body['error']).toBe('invalid_client');
  });

  it('with a token that lacks the permission', async () => {
    const { client } = await holderOf(admin, ['tokens:explain']);
    const { status, body, headers } = await client.raw('POST', '/oauth/introspect', 'token=x', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([status, body['error']]).toEqual([403, 'insufficient_scope']);
    expect(headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="tokens:introspect"');
  });

  it('with a token that is refused', async () => {
    const { status, body, headers } = await ask(bearer('x.y.z'));
    expect([status, body['error']]).toEqual([401, 'invalid_token']);
    expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it('with two proofs at once, or without naming a token', async () => {
    const { clientId: client_id, clientSecret: client_secret } = orderService;
    expect((await ask(inspector, { token: 'x', client_id, client_secret })).body['error']).toBe('invalid_request');
    expect((await ask(inspector, {})).body['error']).toBe('invalid_request');
    const twice: [string, string][] = [
      ['token', 'x'],
      ['token', 'y'],
    ];
    expect((await ask(inspector, twice)).body['error']).toBe('invalid_request');
  });
});
