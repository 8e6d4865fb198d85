import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { startApp, type TestApp } from '../support/app.js';
import { Front } from '../support/front.js';
import type { HttpClient } from '../support/http.js';
import { createAudience, createClient, type RegisteredClient } from '../support/oauth.js';
import { createPerson, refreshVerdict, signIn, verdict, type SignedIn } from '../support/people.js';
import { claimsOf } from '../support/tokens.js';

/*
 * Clients that know nothing of Portcullis, used as their documentation says. The service is asked through its issuer's address; with a path in
 * one of the two, which a proxy takes off.
 */
describe.each(['', '/team/auth'])('with an issuer at %p', (path) => {
  let front: Front;
  let app: TestApp;
  let admin: HttpClient;
  let audience: string;
  let client: RegisteredClient;
  let keyed: { clientId: string; key: jose.CryptoKey };

  beforeAll(async () => {
    front = await Front.open(path);
    app = await startApp({ env: { PORTCULLIS_ISSUER: front.issuer } });
    front.target = app.url;
    admin = await app.admin();
    audience = await createAudience(admin);
    const rights = { permissions: ['users:read', 'tokens:introspect'], audiences: [audience] };
    client = await createClient(admin, rights);
    const { publicKey, privateKey } = await jose.generateKeyPair('RS256');
    const { clientId } = await createClient(admin, { ...rights, jwks: { keys: [await jose.exportJWK(publicKey)] } });
    keyed = { clientId, key: privateKey };
  });
  afterAll(async () => {
    await front.close();
    await app.close();
  });

  const session = async (): Promise<SignedIn> => signIn(app.http, await createPerson(admin));

  describe('openid-client', () => {
    const discover = (clientId: string, authentication: openid.ClientAuth) =>
      openid.discovery(new URL(front.issuer), clientId, undefined, authentication, {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
      });

    it.each<[string, () => [string, openid.ClientAuth]]>([
      ['ClientSecretBasic', () => [client.clientId, openid.ClientSecretBasic(client.clientSecret)]],
      ['ClientSecretPost', () => [client.clientId, openid.ClientSecretPost(client.clientSecret)]],
      ['PrivateKeyJwt', () => [keyed.clientId, openid.PrivateKeyJwt(keyed.key)]],
    ])('gets, introspects and revokes a token with %s', async (_, proof) => {
      const [clientId, authentication] = proof();
      const config = await discover(clientId, authentication);
      expect(config.serverMetadata().issuer).toBe(front.issuer);
      const tokens = await openid.clientCredentialsGrant(config, { scope: 'users:read', resource: audience });
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'users:read', expires_in: 300 });
      expect(claimsOf(tokens.access_token)['aud']).toBe(audience);
      expect(await openid.tokenIntrospection(config, tokens.access_token)).toMatchObject({
        active: true,
        client_id: clientId,
        scope: 'users:read',
      });
      await openid.tokenRevocation(config, tokens.access_token);
      expect(await openid.tokenIntrospection(config, tokens.access_token)).toEqual({ active: false });
    });

    it('refreshes and ends the session of a person, as the public client of the logins', async () => {
      const config = await discover('portcullis', openid.None());
      const { refreshToken } = await session();
      const tokens = await openid.refreshTokenGrant(config, refreshToken);
      expect(await verdict(app.http.as(tokens.access_token))).toBe('accepted');
      const next = tokens.refresh_token ?? '';
      await openid.tokenRevocation(config, next, { token_type_hint: 'refresh_token' });
      expect(await refreshVerdict(app.http, next)).toBe('401 invalid_grant');
    });

    it('understands why it is refused', async () => {
      const config = await discover(client.clientId, openid.ClientSecretBasic('wrong'));
      const failed = openid.clientCredentialsGrant(config);
      await expect(failed).rejects.toMatchObject({
        name: 'WWWAuthenticateChallengeError',
        status: 401,
        cause: [{ scheme: 'basic', parameters: { realm: 'portcullis' } }],
      });
      const inBody = await discover(client.clientId, openid.ClientSecretPost('wrong'));
      await expect(openid.clientCredentialsGrant(inBody)).rejects.toMatchObject({ error: 'invalid_client' });
      const right = await discover(client.clientId, openid.ClientSecretBasic(client.clientSecret));
      const tooMuch = openid.clientCredentialsGrant(right, { scope: 'keys:write' });
      await expect(tooMuch).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_scope', status: 400 });
    });
  });

  describe('oauth4webapi', () => {
    const options = { [oauth.allowInsecureRequests]: true };

    async function discover(): Promise<oauth.AuthorizationServer> {
      const issuer = new URL(front.issuer);
      const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options });
      return oauth.processDiscoveryResponse(issuer, response);
    }

    it('gets, validates, introspects and revokes a token', async () => {
      const server = await discover();
      const self: oauth.Client = { client_id: client.clientId };
      const proof = oauth.ClientSecretBasic(client.clientSecret);
      const parameters = new URLSearchParams({ resource: audience });
      const granted = await oauth.clientCredentialsGrantRequest(server, self, proof, parameters, options);
      const { access_token: token } = await oauth.processClientCredentialsResponse(server, self, granted);

      const request = new Request('http://orders.example.org', { headers: { authorization: `Bearer ${token}` } });
      const claims = await oauth.validateJwtAccessToken(server, request, audience, options);
      expect(claims).toMatchObject({
        client_id: client.clientId,
        aud: audience,
        scope: 'tokens:introspect users:read',
      });

      const ask = async () => {
        const response = await oauth.introspectionRequest(server, self, proof, token, options);
        return oauth.processIntrospectionResponse(server, self, response);
      };
      expect(await ask()).toMatchObject({ active: true });
      await oauth.processRevocationResponse(await oauth.revocationRequest(server, self, proof, token, options));
      expect(await ask()).toEqual({ active: false });
    });

    it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('authenticates by an assertion signed with %s', async (algorithm) => {
      const server = await discover();
      const { publicKey, privateKey } = await jose.generateKeyPair(algorithm);
      const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'mine', alg: algorithm };
      const { clientId } = await createClient(admin, { jwks: { keys: [jwk] } });
      const self: oauth.Client = { client_id: clientId };
      const proof = oauth.PrivateKeyJwt({ key: privateKey, kid: 'mine' });
      const granted = await oauth.clientCredentialsGrantRequest(server, self, proof, new URLSearchParams(), options);
      expect(await oauth.processClientCredentialsResponse(server, self, granted)).toMatchObject({ expires_in: 300 });
    });

    it('refreshes', async () => {
      const server = await discover();
      const self: oauth.Client = { client_id: 'portcullis' };
      const { refreshToken } = await session();
      const response = await oauth.refreshTokenGrantRequest(server, self, oauth.None(), refreshToken, options);
      expect(await oauth.processRefreshTokenResponse(server, self, response)).toMatchObject({ token_type: 'bearer' });
    });
  });
});
