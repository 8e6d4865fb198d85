import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, verdict, type Person } from './support/people.js';
import { claimsOf, headerOf } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const ORDERS = 'urn:example:orders';

let app: TestApp;
let admin: HttpClient;
let adminId: string;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  adminId = String((await admin.get('/v1/auth/me')).body['id']);
  ann = await createPerson(admin, ['auditor']);
  await created('/v1/audiences', {
    identifier: ORDERS,
    algorithm: 'RS256',
    tokenTtlSeconds: 3600,
    claims: { mail: 'user.email' },
  });
});
afterAll(() => app.close());

async function created(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await admin.post(path, body);
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

type Body = Record<string, unknown>;

const generate = (body: Body, http = admin): Promise<Answer<Body>> =>
  http.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 600, ...body });

async function generated(body: Body, http = admin): Promise<{ token: string; claims: Body; jti: string }> {
  const answer = await generate(body, http);
  expect([answer.status, answer.body]).toEqual([201, answer.body]);
  const token = String(answer.body['access_token']);
  return { token, claims: claimsOf(token), jti: String(answer.body['jti']) };
}

function expectFields(answer: Answer<Body>, fields: string[]): void {
  expect([answer.status, answer.body['code']]).toEqual([400, 'validation_failed']);
  expect((answer.body['errors'] as { field: string }[]).map(({ field }) => field)).toEqual(fields);
}

describe('a generated token', () => {
  it('is an access token about whoever generates it, with what was asked for', async () => {
    const [clock] = await app.database.query<{ seq: string }>('SELECT seq FROM validity_clock');
    const { status, body } = await generate({ permissions: ['users:read', 'audit:read'] });
    expect([status, body]).toEqual([
      201,
      { access_token: expect.any(String), token_type: 'Bearer', expires_in: 600, jti: expect.any(String) },
    ]);
    const token = String(body['access_token']);
    expect(headerOf(token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
    const claims = claimsOf(token);
    expect(claims).toEqual({
      iss: ISSUER,
      sub: adminId,
      aud: ISSUER,
      iat: expect.any(Number),
      exp: Number(claims['iat']) + 600,
      jti: body['jti'],
      client_id: 'portcullis',
      roles: [],
      permissions: ['audit:read', 'users:read'],
      scope: 'audit:read users:read',
      as_of: Number(clock?.seq),
    });
    const bearer = app.http.as(token);
    expect(await verdict(bearer, '/v1/users')).toBe('accepted');
    expect(await verdict(bearer, '/v1/keys')).toBe('403 insufficient_scope');
  });

  it('is recorded before it is handed out, and audited', async () => {
    const { jti, claims } = await generated({ permissions: ['users:read'], subject: ann.id });
    const [row] = await app.database.query(
      `SELECT subject, audience, client_id, roles, permissions, generated_by_type, generated_by, revoked_at,
         extract(epoch FROM expires_at)::float8 AS exp FROM generated_tokens WHERE jti = $1`,
      [jti],
    );
    expect(row).toEqual({
      subject: ann.id,
      audience: ISSUER,
      client_id: 'portcullis',
      roles: [],
      permissions: ['users:read'],
      generated_by_type: 'user',
      generated_by: adminId,
      revoked_at: null,
      exp: claims['exp'],
    });
    const audited = await admin.get<{ items: Body[] }>(`/v1/audit-events?action=token.generated&targetId=${jti}`);
    expect(audited.body.items).toMatchObject([
      { actorId: adminId, details: { subject: ann.id, audience: ISSUER, permissions: ['users:read'] } },
    ]);
  });

  it('says what its roles permit, and loses what a role loses', async () => {
    const role = `r${randomUUID()}`;
    await created('/v1/roles', { name: role, permissions: ['users:read', 'audit:read'] });
    const { token, claims, jti } = await generated({ roles: [role], permissions: ['keys:read'] });
    const permissions = ['audit:read', 'keys:read', 'users:read'];
    expect(claims).toMatchObject({ roles: [role], permissions });
    const [row] = await app.database.query('SELECT permissions FROM generated_tokens WHERE jti = $1', [jti]);
    expect(row).toEqual({ permissions });
    const bearer = app.http.as(token);
    await admin.put(`/v1/roles/${role}/permissions`, { permissions: ['audit:read'] });
    expect(await verdict(bearer, '/v1/users')).toBe('401 role_changed');
    expect(await verdict(bearer, '/v1/audit-events')).toBe('accepted');
  });

  it('is not valid before it is said to be', async () => {
    const soon = new Date(Date.now() + 300_000).toISOString();
    const { token, claims } = await generated({ notBefore: soon });
    expect(claims['nbf']).toBe(Math.ceil(Date.parse(soon) / 1000));
    expect(await verdict(app.http.as(token))).toBe('401 not_yet_valid');
    for (const notBefore of [new Date(Date.now() - 60_000), new Date(Date.now() + 601_000)])
      expectFields(await generate({ notBefore: notBefore.toISOString() }), ['notBefore']);
  });

  it('may have claims of its own, and those that its audience declares', async () => {
    const claims = { tenant: { id: 7, plan: 'gold' }, 'https://example.org/beta': true };
    const own = await generated({ audience: ORDERS, subject: ann.id, claims });
    expect(own.claims).toMatchObject({ ...claims, mail: ann.email, sub: ann.id, aud: ORDERS });
    expectFields(await generate({ audience: ORDERS, claims: { mail: 'root@example.org' } }), ['claims.mail']);
    expectFields(await generate({ claims: { sub: adminId, as_of: 1 } }), ['claims.sub', 'claims.as_of']);
    expectFields(await generate({ claims: [] }), ['claims']);
    expectFields(await generate({ claims: null }), ['claims']);
  });

  it('tells of its size when that may be too much', async () => {
    const { status, body } = await generate({ claims: { long: 'x'.repeat(1500) }, roles: ['admin'], audience: ORDERS });
    expect([status, body['warnings']]).toEqual([201, undefined]);
    const subjects = Array.from({ length: 200 }, (_, n) => `/some/where/in/the/middle/${n}`);
    const large = await generate({ audience: ORDERS, permissions: { sub: subjects } });
    expect([large.status, large.body['warnings']]).toEqual([201, [expect.stringMatching(/^The token has \d+ bytes/)]]);
  });

  it.each([
    [{ ttlSeconds: 86_400 }, []],
    [{ ttlSeconds: 86_401 }, ['ttlSeconds']],
    [{ ttlSeconds: 3600, audience: ORDERS }, []],
    [{ ttlSeconds: 3601, audience: ORDERS }, ['ttlSeconds']],
    [{ ttlSeconds: 0 }, ['ttlSeconds']],
    [{ ttlSeconds: 1.5 }, ['ttlSeconds']],
    [{ ttlSeconds: '600' }, ['ttlSeconds']],
    [{ ttlSeconds: 1e300 }, ['ttlSeconds']],
    [{ audience: 'urn:nobody' }, ['audience']],
    [{ audience: [ISSUER] }, ['audience']],
    [{ roles: ['nobody'] }, ['roles.0']],
    [{ permissions: ['users:read', 'no:such'] }, ['permissions.1']],
    [{ permissions: { read: [] } }, ['permissions']],
    [{ permissions: { sub: ['/a', 'b'] } }, ['permissions.sub.1']],
    [{ permissions: null }, ['permissions']],
    [{ subject: 'a b' }, ['subject']],
    [{ subject: '' }, ['subject']],
    [{ notBefore: '2026-02-30T00:00:00Z' }, ['notBefore']],
    [{ notBefore: '2026-01-01' }, ['notBefore']],
    [{ jti: 'mine' }, ['jti']],
  ])('%j: wrong are %j', async (body, fields) => {
    const answer = await generate(body);
    if (fields.length === 0) expect(answer.status).toBe(201);
    else
      expect(new Set((answer.body['errors'] as { field: string }[]).map(({ field }) => field))).toEqual(
        new Set(fields),
      );
  });

  it('names the bound that a lifetime is beyond', async () => {
    const tooLong = await generate({ ttlSeconds: 86_401 });
    expect(tooLong.body['errors']).toEqual([
      { field: 'ttlSeconds', message: 'must not be more than 86400: PORTCULLIS_MAX_TOKEN_TTL' },
    ]);
  });
});

describe('its subject', () => {
  it('may be another user, who then ends it', async () => {
    const bob = await createPerson(admin);
    const { token } = await generated({ subject: bob.id.toUpperCase(), permissions: ['users:read'] });
    expect(claimsOf(token)['sub']).toBe(bob.id);
    expect(await verdict(app.http.as(token))).toBe('accepted');
    await admin.patch(`/v1/users/${bob.id}`, { password: 'another password of bob' });
    expect(await verdict(app.http.as(token))).toBe('401 credentials_changed');
    await admin.post(`/v1/users/${bob.id}/disable`);
    expectFields(await generate({ subject: bob.id }), ['subject']);
  });

  it('may be a client, which then ends it', async () => {
    const { clientId } = await created('/v1/clients', { name: 'Billing', permissions: ['users:read'], audiences: [] });
    const { token, claims } = await generated({ subject: clientId, permissions: ['users:read'] });
    expect(claims).toMatchObject({ sub: clientId, client_id: clientId });
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
    await admin.post(`/v1/clients/${String(clientId)}/disable`);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('401 client_disabled');
    expectFields(await generate({ subject: clientId }), ['subject']);
  });

  it('may be anybody for other audiences, and nobody else for the issuer', async () => {
    const { claims } = await generated({ audience: ORDERS, subject: 'urn:device:17', permissions: ['users:read'] });
    expect(claims).toMatchObject({ sub: 'urn:device:17', client_id: 'portcullis', aud: ORDERS });
    expectFields(await generate({ subject: 'urn:device:17' }), ['subject']);
    for (const subject of [randomUUID(), 'portcullis', 'Portcullis', 'a\u200bb'])
      expectFields(await generate({ audience: ORDERS, subject }), ['subject']);
  });
});

describe('nobody gets further than they are', () => {
  it('by permissions, by roles, or by the name of another', async () => {
    const { client, person, role } = await holderOf(admin, ['tokens:generate', 'users:read']);
    expect((await generate({ permissions: ['users:read'], roles: [role] }, client)).status).toBe(201);
    expect((await generate({ subject: person.id.toUpperCase() }, client)).status).toBe(201);
    const nobody = await createPerson(admin);
    expect((await generate({ subject: nobody.id, permissions: ['users:read'] }, client)).status).toBe(201);
    const { clientId } = await created('/v1/clients', { name: 'Strong', permissions: ['keys:read'], audiences: [] });
    for (const body of [
      { permissions: ['users:write'] },
      { permissions: ['users:read', 'keys:read'], audience: ORDERS, subject: 'device' },
      { roles: ['admin'] },
      { roles: ['auditor'], audience: ORDERS },
      { roles: ['auditor'], permissions: { sub: ['/a'] } },
      { subject: ann.id },
      { subject: adminId, permissions: { all: ['/*'] } },
      { subject: clientId, permissions: ['users:read'] },
    ]) {
      const answer = await generate(body, client);
      expect([body, answer.status, answer.body['code']]).toEqual([body, 403, 'insufficient_scope']);
    }
  });

  it('by a token of their own that says less', async () => {
    const { token } = await generated({ permissions: ['tokens:generate', 'users:read'] });
    const narrow = app.http.as(token);
    expect((await generate({ permissions: ['users:read'], ttlSeconds: 300 }, narrow)).status).toBe(201);
    expect((await generate({ permissions: ['keys:read'], ttlSeconds: 300 }, narrow)).status).toBe(403);
    expect((await generate({ subject: ann.id, ttlSeconds: 300 }, narrow)).status).toBe(403);
    const { token: wide } = await generated({ roles: ['admin'] });
    expectFields(await generate({ ttlSeconds: 3600 }, app.http.as(wide)), ['ttlSeconds']);
  });

  it('without tokens:generate not at all', async () => {
    const { client } = await holderOf(admin, ['users:read', 'tokens:revoke']);
    expect((await generate({}, client)).status).toBe(403);
    expect((await generate({}, app.http)).status).toBe(401);
  });

  it('as a client, for an audience that is none of its own', async () => {
    const own = await created('/v1/audiences', { identifier: `urn:own:${randomUUID()}`, algorithm: 'RS256' });
    const { clientId, clientSecret } = await created('/v1/clients', {
      name: 'Issuing',
      permissions: ['tokens:generate', 'users:read'],
      audiences: [own['identifier']],
    });
    const basic = Buffer.from(`${String(clientId)}:${String(clientSecret)}`).toString('base64');
    const { body } = await app.http.raw('POST', '/oauth/token', 'grant_type=client_credentials', {
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    const client = app.http.as(String(body['access_token']));
    const permissions = ['users:read'];
    const { token, claims } = await generated({ audience: own['identifier'], subject: 'device', permissions }, client);
    expect(claims).toMatchObject({ sub: 'device', client_id: clientId });
    expect((await generate({ audience: ORDERS, subject: 'device' }, client)).status).toBe(403);
    expect((await generate({ permissions }, client)).status).toBe(201);
    await admin.post(`/v1/clients/${String(clientId)}/disable`);
    const explained = await admin.post('/v1/tokens/explain', { token });
    expect(explained.body).toMatchObject({ accepted: false });
  });
});
