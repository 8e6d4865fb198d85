import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { holderOf, logInAs } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import {
  basic,
  bearer,
  clientToken,
  createClient,
  introspect,
  postForm,
  type RegisteredClient,
} from './support/oauth.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person, type SignedIn } from './support/people.js';
import { claimsOf, reissued } from './support/tokens.js';

let app: TestApp;
let second: TestApp;
let admin: HttpClient;
let revoker: HttpClient;
let client: RegisteredClient;
let person: Person;
let ann: SignedIn;

beforeAll(async () => {
  app = await startApp();
  second = await startApp({ database: app.database });
  admin = await app.admin();
  ({ client: revoker } = await holderOf(admin, ['tokens:revoke', 'users:read']));
  await admin.post('/v1/roles', { name: 'reader', permissions: ['users:read'] });
});
afterAll(async () => {
  await second.close();
  await app.close();
});
beforeEach(async () => {
  client = await createClient(admin, { permissions: ['users:read'] });
  person = await createPerson(admin, ['reader']);
  ann = await signIn(app.http, person);
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const revoke = (token: string, headers: Record<string, string> = {}, fields: Record<string, string> = {}) =>
  postForm(app.http, '/oauth/revoke', { token, ...fields }, headers);
const revokeAs = (http: HttpClient, token: string) =>
  http.raw('POST', '/oauth/revoke', new URLSearchParams({ token }).toString(), { headers: FORM });

describe('a client revokes', () => {
  it('its own token: the next request with it is refused, at every instance', async () => {
    const [token, other] = [await clientToken(app.http, client), await clientToken(app.http, client)];
    expect(await verdict(second.http.as(token), '/v1/users')).toBe('accepted');
    const { status, body, headers } = await revoke(token, basic(client));
    expect([status, body]).toEqual([200, '']);
    expect(headers.get('cache-control')).toBe('no-store');
    for (const { http } of [app, second]) {
      expect(await verdict(http.as(token), '/v1/users')).toBe('401 token_revoked');
      expect(await verdict(http.as(other), '/v1/users')).toBe('accepted');
    }
    const inspector = await createClient(admin, { permissions: ['tokens:introspect'] });
    expect(await introspect(second.http, token, basic(inspector))).toEqual({ active: false });
    const query = `?action=token.revoked&targetId=${String(claimsOf(token)['jti'])}`;
    const { body: audit } = await admin.get<{ items: object[] }>(`/v1/audit-events${query}`);
    expect(audit.items).toMatchObject([{ actorType: 'client', actorId: client.clientId, outcome: 'success' }]);
  });

  it('the same again, which changes nothing', async () => {
    const token = await clientToken(app.http, client);
    const answers = await Promise.all(Array.from({ length: 10 }, () => revoke(token, basic(client))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const query = `?action=token.revoked&targetId=${String(claimsOf(token)['jti'])}`;
    expect((await admin.get<{ items: object[] }>(`/v1/audit-events${query}`)).body.items).toHaveLength(1);
  });

  it('nothing that was issued to another', async () => {
    const other = await clientToken(app.http, await createClient(admin, { permissions: ['users:read'] }));
    for (const token of [other, ann.accessToken, ann.refreshToken]) {
      const { status, body } = await revoke(token, basic(client));
      expect([status, body['error']]).toEqual([400, 'unauthorized_client']);
    }
    expect(await verdict(app.http.as(other), '/v1/users')).toBe('accepted');
    expect(await refreshVerdict(app.http, ann.refreshToken)).toBe('refreshed');
  });

  it('what is no token, or none any more, without an error', async () => {
    const token = await clientToken(app.http, client);
    const expired = await reissued(app, token, { exp: 1_600_000_000 });
    const endless = await reissued(app, token, { exp: 1e300 });
    for (const none of ['x', 'a.b.c', 'prt_x', `${token.slice(0, -4)}AAAA`, expired, endless])
      expect((await revoke(none, basic(client), { token_type_hint: 'nonsense' })).status).toBe(200);
    const rows = await app.database.query('SELECT FROM token_revocations WHERE revoked_by = $1', [client.clientId]);
    expect(rows).toHaveLength(0);
  });
});

describe('somebody revokes', () => {
  it('the token that they call with, and keeps the session', async () => {
    expect((await revoke(ann.accessToken, bearer(ann.accessToken))).status).toBe(200);
    expect(await verdict(ann.http)).toBe('401 token_revoked');
    expect(await refreshVerdict(app.http, ann.refreshToken)).toBe('refreshed');
  });

  it('an older token of the same session', async () => {
    const { body } = await app.http.post('/v1/auth/refresh', { refresh_token: ann.refreshToken });
    expect((await revoke(ann.accessToken, bearer(body['access_token'] as string))).status).toBe(200);
    expect(await verdict(ann.http)).toBe('401 token_revoked');
    expect(await verdict(app.http.as(body['access_token'] as string))).toBe('accepted');
  });

  it.each<[string, Record<string, string>]>([
    ['nothing else', {}],
    ['the name of the client of the logins', { client_id: 'portcullis' }],
  ])('tokens of a session by having them and %s, as public clients do', async (_, fields) => {
    expect((await revoke(ann.accessToken, {}, fields)).status).toBe(200);
    expect(await verdict(ann.http)).toBe('401 token_revoked');
    expect((await revoke(ann.refreshToken, {}, fields)).status).toBe(200);
    expect(await refreshVerdict(second.http, ann.refreshToken)).toBe('401 invalid_grant');
    const { body } = await admin.get<{ items: object[] }>(
      `/v1/audit-events?action=session.ended&targetId=${String(claimsOf(ann.accessToken)['sid'])}`,
    );
    expect(body.items).toMatchObject([{ details: { reason: 'refresh_token_revoked', userId: person.id } }]);
  });

  it('nobody else’s token without tokens:revoke', async () => {
    const other = await signIn(app.http, person);
    const { status, body } = await revoke(ann.accessToken, bearer(other.accessToken));
    expect([status, body['error']]).toEqual([403, 'insufficient_scope']);
    expect(await verdict(ann.http)).toBe('accepted');
  });

  it('no client’s token without proof', async () => {
    const { status, body } = await revoke(await clientToken(app.http, client));
    expect([status, body['error']]).toEqual([400, 'unauthorized_client']);
  });

  it('with tokens:revoke, tokens of people and clients who hold no more', async () => {
    const token = await clientToken(app.http, client);
    expect((await revokeAs(revoker, ann.accessToken)).status).toBe(200);
    expect((await revokeAs(revoker, token)).status).toBe(200);
    expect(await verdict(ann.http)).toBe('401 token_revoked');
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('401 token_revoked');
  });

  it('with tokens:revoke, no token of somebody who holds more', async () => {
    const strong = await createClient(admin, { permissions: ['keys:write', 'users:read'] });
    const weakToken = await clientToken(app.http, strong, { scope: 'users:read' });
    const { person: auditor } = await holderOf(admin, ['audit:read']);
    const session = await logInAs(app.http, auditor);
    const audits = (await signIn(app.http, auditor)).accessToken;
    for (const token of [weakToken, audits]) {
      const { status, body } = await revokeAs(revoker, token);
      expect([status, body['error']]).toEqual([403, 'insufficient_scope']);
    }
    expect(await verdict(session)).toBe('accepted');
    expect(await verdict(app.http.as(weakToken), '/v1/users')).toBe('accepted');
  });

  it('a generated token, with tokens:revoke: on record it is revoked', async () => {
    const order = { audience: 'http://localhost:3000', ttlSeconds: 3600, permissions: ['users:read'] };
    const { body } = await admin.post('/v1/tokens', order);
    const [token, jti] = [body['access_token'] as string, body['jti'] as string];
    expect((await revoke(token)).body['error']).toBe('unauthorized_client');
    expect((await revoke(token, basic(client))).body['error']).toBe('unauthorized_client');
    expect((await revokeAs(revoker, token)).body['error']).toBe('insufficient_scope');
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
    expect((await revokeAs(admin, token)).status).toBe(200);
    expect(await verdict(second.http.as(token), '/v1/users')).toBe('401 token_revoked');
    const rows = await app.database.query('SELECT FROM generated_tokens WHERE jti = $1 AND revoked_at IS NOT NULL', [
      jti,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('no token on record by another that was given its name, for another audience', async () => {
    const order = { audience: 'http://localhost:3000', ttlSeconds: 3600, permissions: ['users:read'] };
    const { body } = await admin.post('/v1/tokens', order);
    const token = body['access_token'] as string;
    const own = await clientToken(app.http, client);
    const namesake = await reissued(app, own, { jti: body['jti'], aud: 'https://orders.example.org' });
    expect((await revoke(namesake, basic(client))).status).toBe(200);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
  });

  it('nothing by what the secret of an audience signs, which could name any token and any session', async () => {
    await admin.post('/v1/audiences', { identifier: 'urn:shared', algorithm: 'HS256' });
    const { body } = await app.http.post('/v1/auth/login', {
      ...{ username: person.username, password: person.password },
      audience: ['urn:shared'],
    });
    const { jti, sid } = claimsOf(ann.accessToken);
    const namesake = await reissued(app, body['access_token'] as string, { jti, sid });
    for (const proof of [{}, bearer(ann.accessToken), basic(client)])
      expect((await revoke(namesake, proof)).body['error']).toMatch(/^(unauthorized_client|insufficient_scope)$/);
    expect((await revokeAs(admin, namesake)).body['error']).toBe('unsupported_token_type');
    expect(await verdict(ann.http)).toBe('accepted');
  });

  it('nothing with a proof that is none', async () => {
    expect((await revoke(ann.accessToken, bearer('x'))).body['error']).toBe('invalid_token');
    expect((await revoke(ann.accessToken, basic({ ...client, clientSecret: 'x' }))).body['error']).toBe(
      'invalid_client',
    );
    expect((await revoke(ann.accessToken, {}, { client_id: client.clientId })).body['error']).toBe('invalid_client');
    expect((await revoke('', basic(client))).body['error']).toBe('invalid_request');
    expect(await verdict(ann.http)).toBe('accepted');
  });
});
