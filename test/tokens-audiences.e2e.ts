import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { ClientTokenMinter } from '../src/tokens/client-token-minter.js';
import { TokenMinter } from '../src/tokens/token-minter.js';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person } from './support/people.js';
import { claimsOf, headerOf } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  ann = await createPerson(admin, ['auditor']);
});
afterAll(() => app.close());

type Body = Record<string, unknown>;

/** A new audience; its secret where it has one. */
async function audience(body: Body = {}): Promise<{ identifier: string; secret: Buffer }> {
  const identifier = `urn:a:${randomUUID()}`;
  const answer = await admin.post('/v1/audiences', { identifier, algorithm: 'RS256', ...body });
  expect([answer.status, answer.body]).toEqual([201, answer.body]);
  return { identifier, secret: Buffer.from((answer.body['secret'] ?? '') as string, 'base64') };
}

const login = (wanted?: string[], who = ann): Promise<Answer<Body>> =>
  app.http.post('/v1/auth/login', { username: who.username, password: who.password, audience: wanted });

async function tokens(wanted?: string[], who = ann): Promise<{ access: string; refresh: string; body: Body }> {
  const { status, body } = await login(wanted, who);
  expect([status, body]).toEqual([200, body]);
  return { access: String(body['access_token']), refresh: String(body['refresh_token']), body };
}

const refreshed = (refresh: string, wanted?: string[]): Promise<Answer<Body>> =>
  app.http.post('/v1/auth/refresh', { refresh_token: refresh, audience: wanted });

describe('a login for registered audiences', () => {
  it('gives a token that is for them, and at the service only where the issuer is among them', async () => {
    const [orders, stock] = [(await audience()).identifier, (await audience()).identifier];
    const { access } = await tokens([orders, stock]);
    expect(claimsOf(access)).toMatchObject({ aud: [orders, stock], sub: ann.id, roles: ['auditor'] });
    expect(await verdict(app.http.as(access))).toBe('401 wrong_audience');
    const both = await tokens([orders, ISSUER]);
    expect(await verdict(app.http.as(both.access))).toBe('accepted');
  });

  it('gives one signed as the audience wants it', async () => {
    const elliptic = await audience({ algorithm: 'ES256' });
    const { access } = await tokens([elliptic.identifier]);
    expect(headerOf(access)).toMatchObject({ alg: 'ES256' });
    const keys = createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`));
    await jwtVerify(access, keys, { issuer: ISSUER, audience: elliptic.identifier });
    for (const algorithm of ['HS256', 'HS384', 'HS512']) {
      const { identifier, secret } = await audience({ algorithm });
      const { payload, protectedHeader } = await jwtVerify((await tokens([identifier])).access, secret);
      expect([protectedHeader.alg, payload.aud]).toEqual([algorithm, identifier]);
    }
  });

  it('gives one that lives no longer than they allow, nor longer than any other', async () => {
    const short = await audience({ tokenTtlSeconds: 60 });
    const long = await audience({ tokenTtlSeconds: 3600 });
    expect((await tokens([short.identifier, long.identifier])).body['expires_in']).toBe(60);
    expect((await tokens([long.identifier])).body['expires_in']).toBe(300);
  });

  it('tells them what they declare, and nobody else', async () => {
    const { identifier } = await audience({ claims: { mail: 'user.email', login: 'user.username', app: 'client.id' } });
    const told = { mail: ann.email, login: ann.username, app: 'portcullis' };
    expect(claimsOf((await tokens([identifier])).access)).toMatchObject(told);
    const { access } = await tokens();
    for (const claim of Object.keys(told)) expect(claimsOf(access)).not.toHaveProperty(claim);
  });

  it('is refused before any password is looked at, where no key serves all of them', async () => {
    const [rsa, ec, hmac] = [
      await audience(),
      await audience({ algorithm: 'ES256' }),
      await audience({ algorithm: 'HS256' }),
    ];
    const gone = await audience();
    await admin.delete(`/v1/audiences/${encodeURIComponent(gone.identifier)}`);
    const nobody = { ...ann, password: 'not the password' };
    for (const [wanted, fields] of [
      [[rsa.identifier, 'urn:nobody'], ['audience.1']],
      [[gone.identifier], ['audience.0']],
      [[ISSUER, hmac.identifier], ['audience.1']],
      [
        [hmac.identifier, ISSUER],
        ['audience.0', 'audience.1'],
      ],
      [[ISSUER, ec.identifier], ['audience.1']],
      [[ISSUER, 'a\0b'], ['audience']],
    ] as [string[], string[]][]) {
      const { status, body } = await login(wanted, nobody);
      const errors = body['errors'] as { field: string }[];
      expect([status, [...new Set(errors.map(({ field }) => field))]]).toEqual([400, fields]);
    }
  });

  it('warns of a token that may be too large', async () => {
    const role = `large-${randomUUID()}`;
    const names = Array.from({ length: 40 }, (_, n) => `team-with-a-long-name:permission-number-${n}-of-many`);
    for (const name of names) await admin.post('/v1/permissions', { name });
    await admin.post('/v1/roles', { name: role, permissions: names });
    const person = await createPerson(admin, [role]);
    const { body, refresh } = await tokens(undefined, person);
    expect(body['warnings']).toEqual([expect.stringMatching(/^The token has \d{4} bytes/)]);
    expect((await refreshed(refresh)).body['warnings']).toEqual(body['warnings']);
    expect((await tokens()).body).not.toHaveProperty('warnings');
  });
});

describe('a refresh', () => {
  it('for other audiences leaves the session as it was', async () => {
    const { identifier } = await audience({ claims: { mail: 'user.email' } });
    const { refresh, access } = await tokens();
    const other = await refreshed(refresh, [identifier]);
    const token = String(other.body['access_token']);
    expect(claimsOf(token)).toMatchObject({ aud: identifier, mail: ann.email, sid: claimsOf(access)['sid'] });
    const next = await refreshed(String(other.body['refresh_token']));
    expect(claimsOf(String(next.body['access_token']))['aud']).toBe(ISSUER);
    const sessions = await app.http.as(String(next.body['access_token'])).get<{ items: Body[] }>('/v1/auth/sessions');
    const own = sessions.body.items.find(({ id }) => id === claimsOf(access)['sid']);
    expect(own).toMatchObject({ audience: [ISSUER] });
  });

  it('of a session that was begun for services is good for no others, and not for the issuer', async () => {
    const [orders, stock, shared] = [await audience(), await audience(), await audience({ algorithm: 'HS256' })].map(
      ({ identifier }) => identifier,
    ) as [string, string, string];
    const { refresh } = await tokens([orders, stock]);
    for (const beyond of [ISSUER, shared]) {
      const { status, body } = await refreshed(refresh, [beyond]);
      const errors = [{ field: 'audience.0', message: 'is not among the audiences of the session' }];
      expect([status, body['errors']]).toEqual([400, errors]);
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, resource: beyond });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await app.http.raw('POST', '/oauth/token', form.toString(), { headers });
      expect([answer.status, answer.body]).toMatchObject([400, { error: 'invalid_target' }]);
    }
    // Nothing was used up, and less is always to be had.
    const { body } = await refreshed(refresh, [stock]);
    expect(claimsOf(String(body['access_token']))['aud']).toBe(stock);
    const next = await refreshed(String(body['refresh_token']));
    expect(claimsOf(String(next.body['access_token']))['aud']).toEqual([orders, stock]);
  });

  it('for an audience that is not known uses nothing up', async () => {
    const { refresh } = await tokens();
    const unknown = await refreshed(refresh, [ISSUER, 'urn:nobody']);
    expect([unknown.status, unknown.body['errors']]).toEqual([
      400,
      [{ field: 'audience.1', message: 'is not a known audience' }],
    ]);
    const [session] = await app.database.query<{ uses: number }>(
      'SELECT refresh_generation AS uses FROM sessions ORDER BY id DESC LIMIT 1',
    );
    expect(session?.uses).toBe(0);
    expect((await refreshed(refresh)).status).toBe(200);
  });

  it('of a session whose audience is gone gives nothing, for whomever', async () => {
    const { identifier } = await audience();
    const { refresh, access } = await tokens([identifier]);
    await admin.delete(`/v1/audiences/${encodeURIComponent(identifier)}`);
    expect((await refreshed(refresh, [ISSUER])).status).toBe(401);
    const second = await tokens([ISSUER]);
    await app.database.query('UPDATE sessions SET audience = $2 WHERE id = $1', [
      claimsOf(second.access)['sid'],
      [ISSUER, identifier],
    ]);
    expect(await refreshVerdict(app.http, second.refresh)).toBe('401 invalid_grant');
    expect((await admin.post('/v1/tokens/explain', { token: access })).body).toMatchObject({ accepted: false });
  });

  it('takes the audience’s new algorithm at once', async () => {
    const { identifier } = await audience();
    const { refresh, access } = await tokens([identifier]);
    await app.database.query(`UPDATE audiences SET algorithm = 'EdDSA' WHERE identifier = $1`, [identifier]);
    const explained = await admin.post('/v1/tokens/explain', { token: access });
    expect(explained.body).toMatchObject({ accepted: false, reason: 'forced_expiration' });
    const next = await refreshed(refresh);
    expect(headerOf(String(next.body['access_token']))).toMatchObject({ alg: 'EdDSA' });
  });
});

describe('a token for less than the session holds', () => {
  it('grants that alone, and its roles still tell what may be taken away', async () => {
    const role = `r-${randomUUID()}`;
    await admin.post('/v1/roles', { name: role, permissions: ['users:read', 'audit:read'] });
    const { http, accessToken } = await signIn(app.http, await createPerson(admin, [role]));
    const sessionId = String(claimsOf(accessToken)['sid']);
    const minted = await app.nest.get(TokenMinter).mint(sessionId, { permissions: ['users:read', 'users:write'] });
    const narrow = http.as(minted?.accessToken ?? '');
    expect([minted?.scope, await verdict(narrow, '/v1/users')]).toEqual(['users:read', 'accepted']);
    expect(await verdict(narrow, '/v1/audit-events')).toBe('403 insufficient_scope');
    await admin.put(`/v1/roles/${role}/permissions`, { permissions: ['audit:read'] });
    expect(await verdict(narrow, '/v1/users')).toBe('401 role_changed');
  });
});

describe('a token of a client', () => {
  async function client(body: Body = {}): Promise<{ clientId: string; epoch: string }> {
    const permissions = ['users:read', 'audit:read'];
    const answer = await admin.post('/v1/clients', { name: 'Billing', permissions, audiences: [], ...body });
    expect([answer.status, answer.body]).toEqual([201, answer.body]);
    const clientId = String(answer.body['clientId']);
    return { clientId, epoch: await epochOf(clientId) };
  }

  const epochOf = async (clientId: string): Promise<string> => {
    const [row] = await app.database.query<{ epoch: string }>('SELECT epoch FROM clients WHERE client_id = $1', [
      clientId,
    ]);
    return String(row?.epoch);
  };
  const mint = (
    { clientId, epoch }: { clientId: string; epoch: string },
    wanted = [ISSUER],
    permissions: string[] | null = null,
  ) => app.nest.get(ClientTokenMinter).mint({ clientId, epoch, audience: wanted, permissions });

  it('says who it is and what it was granted, and is accepted', async () => {
    const billing = await client();
    const minted = await mint(billing, [ISSUER], ['users:read', 'keys:read']);
    expect(minted).toMatchObject({ expiresIn: 300, scope: 'users:read', warnings: [] });
    const claims = claimsOf(minted?.accessToken ?? '');
    expect(claims).toMatchObject({ sub: billing.clientId, client_id: billing.clientId, roles: [] });
    expect(claims).not.toHaveProperty('sid');
    expect(await verdict(app.http.as(minted?.accessToken ?? ''), '/v1/users')).toBe('accepted');
    expect(await verdict(app.http.as(minted?.accessToken ?? ''), '/v1/audit-events')).toBe('403 insufficient_scope');
  });

  it('is for its own audiences, with the lifetime and the claims that these want', async () => {
    const own = await audience({ tokenTtlSeconds: 7200, claims: { app: 'client.name', who: 'user.id' } });
    const foreign = await audience();
    const billing = await client({ audiences: [own.identifier] });
    const minted = await mint(billing, [own.identifier]);
    expect(minted?.expiresIn).toBe(7200);
    const claims = claimsOf(minted?.accessToken ?? '');
    expect(claims).toMatchObject({ aud: own.identifier, app: 'Billing' });
    expect(claims).not.toHaveProperty('who');
    expect((await mint(billing, [own.identifier, ISSUER]))?.expiresIn).toBe(300);
    expect(await mint(billing, [foreign.identifier])).toBeNull();
    expect(await mint(billing, [ISSUER, foreign.identifier])).toBeNull();
  });

  it('is none once the client proves itself by something else, or is disabled', async () => {
    const billing = await client();
    await app.database.query(`INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), $1, '')`, [
      billing.clientId,
    ]);
    expect(await mint(billing)).toBeNull();
    const now = { ...billing, epoch: await epochOf(billing.clientId) };
    expect(await mint(now)).not.toBeNull();
    await admin.post(`/v1/clients/${billing.clientId}/disable`);
    expect(await mint({ ...billing, epoch: await epochOf(billing.clientId) })).toBeNull();
    expect(await mint({ clientId: 'nobody', epoch: '0' })).toBeNull();
  });

  it('ends when the client holds less', async () => {
    const billing = await client();
    const minted = await mint(billing);
    await app.database.query('DELETE FROM client_permissions WHERE client_id = $1 AND permission_name = $2', [
      billing.clientId,
      'audit:read',
    ]);
    expect(await verdict(app.http.as(minted?.accessToken ?? ''), '/v1/users')).toBe('401 facts_changed');
  });

  it('is refused with the place of the audience that no key serves', async () => {
    const [hmac, rsa] = [await audience({ algorithm: 'HS256' }), await audience()];
    const billing = await client({ audiences: [hmac.identifier, rsa.identifier] });
    await expect(mint(billing, [rsa.identifier, hmac.identifier])).rejects.toMatchObject({
      extras: { errors: [{ field: 'audience.1' }] },
    });
  });
});
