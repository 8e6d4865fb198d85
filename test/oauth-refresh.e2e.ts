import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { basic, createAudience, createClient, postForm } from './support/oauth.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict, type SignedIn } from './support/people.js';
import { claimsOf } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';

let app: TestApp;
let admin: HttpClient;
let orders: string;
let ann: SignedIn;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_REFRESH_GRACE_SECONDS: '0' } });
  admin = await app.admin();
  orders = await createAudience(admin);
  await admin.post('/v1/roles', { name: 'reader', permissions: ['users:read', 'roles:read'] });
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await signIn(app.http, await createPerson(admin, ['reader']));
});

const refresh = (fields: Parameters<typeof postForm>[2] = {}, headers: Record<string, string> = {}) => {
  const given = Array.isArray(fields) ? fields : Object.entries(fields);
  const form: [string, string][] = [['grant_type', 'refresh_token'], ['refresh_token', ann.refreshToken], ...given];
  return postForm(app.http, '/oauth/token', form, headers);
};

describe('a refresh token', () => {
  it.each<[string, Record<string, string>]>([
    ['by itself', {}],
    ['with the name of the client of the logins', { client_id: 'portcullis' }],
  ])('gets new tokens, %s', async (_, fields) => {
    const { status, headers, body } = await refresh(fields);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      refresh_token: expect.stringMatching(/^prt_/),
      scope: 'roles:read users:read',
    });
    const next = signedIn(app.http, body);
    expect(await verdict(next.http)).toBe('accepted');
    expect(await refreshVerdict(app.http, next.refreshToken)).toBe('refreshed');
  });

  it('gets a token for less: the next one is for all again', async () => {
    const narrow = await refresh({ scope: 'users:read keys:write', resource: orders });
    expect(claimsOf(narrow.body['access_token'] as string)).toMatchObject({
      aud: orders,
      permissions: ['users:read'],
      scope: 'users:read',
    });
    ann = signedIn(app.http, narrow.body);
    const { body } = await refresh();
    expect(claimsOf(body['access_token'] as string)).toMatchObject({
      aud: ISSUER,
      permissions: ['roles:read', 'users:read'],
    });
  });

  it('gets a token for several resources', async () => {
    const { body } = await refresh([
      ['resource', ISSUER],
      ['resource', orders],
    ]);
    expect(claimsOf(body['access_token'] as string)['aud']).toEqual([ISSUER, orders]);
  });

  it.each([
    ['nothing that is held', { scope: 'keys:write' }, 'invalid_scope'],
    ['no scope', { scope: 'a  b' }, 'invalid_scope'],
    ['an unknown resource', { resource: 'https://evil.test' }, 'invalid_target'],
  ])('survives a request for %s', async (_, fields, error) => {
    const { status, body } = await refresh(fields);
    expect([status, body['error']]).toEqual([400, error]);
    expect((await refresh()).status).toBe(200);
  });

  it('is refused when it is none, used, or of a session that ended', async () => {
    const refused = async () => {
      const { status, body } = await refresh();
      expect([status, body]).toEqual([400, { error: 'invalid_grant', error_description: expect.any(String) }]);
    };
    const mine = ann;
    ann = { ...mine, refreshToken: 'prt_x' };
    await refused();
    ann = { ...mine, refreshToken: mine.accessToken };
    await refused();
    ann = mine;
    await app.http.post('/v1/auth/logout', { refresh_token: mine.refreshToken });
    await refused();
  });

  it('ends its session when it is used again, asked for less or not', async () => {
    const { body } = await refresh();
    expect((await refresh({ scope: 'users:read' })).body['error']).toBe('invalid_grant');
    expect(await verdict(signedIn(app.http, body).http)).toBe('401 session_ended');
  });

  it('is of no use to a client that it was not issued to, and stays as it was', async () => {
    const client = await createClient(admin);
    expect((await refresh({}, basic(client))).body['error']).toBe('invalid_grant');
    expect((await refresh({ client_id: client.clientId })).body['error']).toBe('invalid_client');
    expect((await refresh({}, basic({ ...client, clientSecret: 'x' }))).body['error']).toBe('invalid_client');
    expect((await refresh()).status).toBe(200);
  });

  it('is missing', async () => {
    const { status, body } = await postForm(app.http, '/oauth/token', { grant_type: 'refresh_token' });
    expect([status, body['error']]).toEqual([400, 'invalid_request']);
  });
});
