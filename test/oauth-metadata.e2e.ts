import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';

const WELL_KNOWN = '/.well-known/oauth-authorization-server';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

describe('the metadata of the server', () => {
  it('is there for everybody, and may be kept for a while', async () => {
    const { status, headers, body } = await app.http.get(WELL_KNOWN);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('public, max-age=300');
    expect(body).toMatchObject({
      issuer: 'http://localhost:3000',
      token_endpoint: 'http://localhost:3000/oauth/token',
      jwks_uri: 'http://localhost:3000/.well-known/jwks.json',
      grant_types_supported: ['client_credentials', 'refresh_token'],
      response_types_supported: [],
    });
  });

  it('leads to what is there', async () => {
    const { body } = await app.http.get(WELL_KNOWN);
    const path = (name: string) => new URL(body[name] as string).pathname;
    expect((await app.http.get(path('jwks_uri'))).status).toBe(200);
    expect((await app.http.get(path('service_documentation'))).status).toBe(200);
    for (const name of ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint'])
      expect((await app.http.post(path(name))).body).toMatchObject({ error: 'invalid_request' });
  });

  it('promises nothing of OpenID Connect', async () => {
    expect((await app.http.get('/.well-known/openid-configuration')).status).toBe(404);
    const { body } = await app.http.get(WELL_KNOWN);
    for (const name of ['authorization_endpoint', 'userinfo_endpoint', 'registration_endpoint', 'scopes_supported'])
      expect(body).not.toHaveProperty(name);
  });

  it('is nowhere below, for an issuer without a path', async () => {
    for (const path of ['/', '/auth', '/a/b']) expect((await app.http.get(`${WELL_KNOWN}${path}`)).status).toBe(404);
  });

  it('lies before the path of an issuer that has one (RFC 8414 section 3.1), and below it for proxies that take it off', async () => {
    const below = await startApp({
      env: { PORTCULLIS_ISSUER: 'https://example.org/team/auth' },
      database: app.database,
    });
    for (const path of [`${WELL_KNOWN}/team/auth`, WELL_KNOWN]) {
      const { status, body } = await below.http.get(path);
      expect([status, body['issuer']]).toEqual([200, 'https://example.org/team/auth']);
      expect(body['token_endpoint']).toBe('https://example.org/team/auth/oauth/token');
    }
    expect((await below.http.get(`${WELL_KNOWN}/team`)).status).toBe(404);
    await below.close();
  });
});
