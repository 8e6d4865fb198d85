import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BUILT_IN_PERMISSIONS } from '../src/permissions/built-in.js';
import { startApp, type TestApp } from './support/app.js';
import { freshName, holderOf } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { clientToken, createAudience, createClient, type RegisteredClient } from './support/oauth.js';
import { verdict } from './support/people.js';

let app: TestApp;
let admin: HttpClient;
/** May write clients and end tokens, and holds nothing else: whoever attacks here, attacks from this position. */
let helper: HttpClient;
/** Holds more than the helper. */
let strong: RegisteredClient;
let audience: string;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  helper = (await holderOf(admin, ['clients:read', 'clients:write', 'validity:write'])).client;
  audience = await createAudience(admin);
  strong = await createClient(admin, { permissions: ['users:read', 'clients:read'], audiences: [audience] });
});
afterAll(() => app.close());

const status = (answer: Answer): number => answer.status;
const pathOf = ({ clientId }: RegisteredClient): string => `/v1/clients/${clientId}`;
const addressOf = (identifier: string): string => `/v1/audiences/${encodeURIComponent(identifier)}`;
const ecJwk = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const force = (body: object) => helper.post('/v1/forced-expirations', { reason: 'x', ...body });

async function stateOf({ clientId }: RegisteredClient): Promise<unknown> {
  const [secrets] = await app.database.query(
    `SELECT c.*, ARRAY(SELECT id FROM client_secrets s WHERE s.client_id = c.client_id) AS secrets,
       ARRAY(SELECT permission_name FROM client_permissions p WHERE p.client_id = c.client_id ORDER BY 1) AS permissions,
       ARRAY(SELECT audience FROM client_audiences a WHERE a.client_id = c.client_id ORDER BY 1) AS audiences
     FROM clients c WHERE client_id = $1`,
    [clientId],
  );
  return secrets;
}

describe('whoever may write clients', () => {
  it('gives them what they hold themselves, and nothing else', async () => {
    const mine = await helper.post('/v1/clients', { name: 'mine', permissions: ['clients:read'] });
    expect(mine.status).toBe(201);
    const path = `/v1/clients/${String(mine.body['clientId'])}`;
    for (const permissions of [['users:read'], ['clients:read', 'users:read'], [...BUILT_IN_PERMISSIONS]]) {
      expect(await helper.post('/v1/clients', { name: 'more', permissions })).toMatchObject({
        status: 403,
        body: { code: 'insufficient_scope' },
      });
      expect(status(await helper.put(`${path}/permissions`, { permissions }))).toBe(403);
    }
    expect(status(await helper.put(`${path}/permissions`, { permissions: ['clients:write'] }))).toBe(200);
    expect(status(await helper.put(`${path}/permissions`, { permissions: [] }))).toBe(200);
    expect(status(await helper.delete(path))).toBe(204);
  });

  const TOUCHES: [string, (client: RegisteredClient) => Promise<Answer>][] = [
    ['rename', (client) => helper.patch(pathOf(client), { name: 'x' })],
    ['disable', (client) => helper.post(`${pathOf(client)}/disable`)],
    ['enable', (client) => helper.post(`${pathOf(client)}/enable`)],
    ['delete', (client) => helper.delete(pathOf(client))],
    ['give permissions to', (client) => helper.put(`${pathOf(client)}/permissions`, { permissions: ['clients:read'] })],
    ['take permissions from', (client) => helper.put(`${pathOf(client)}/permissions`, { permissions: [] })],
    [
      'keep the permissions of',
      (client) => helper.put(`${pathOf(client)}/permissions`, { permissions: ['users:read', 'clients:read'] }),
    ],
    ['take audiences from', (client) => helper.put(`${pathOf(client)}/audiences`, { audiences: [] })],
    ['give keys to', (client) => helper.put(`${pathOf(client)}/jwks`, { keys: [ecJwk()] })],
    ['make a secret for', (client) => helper.post(`${pathOf(client)}/secrets`)],
    ['replace the secrets of', (client) => helper.post(`${pathOf(client)}/secrets`, { expiresPreviousInSeconds: 0 })],
    [
      'delete the secret of',
      async (client) => {
        const { body } = await admin.get<{ items: { secretId: string }[] }>(`${pathOf(client)}/secrets`);
        return helper.delete(`${pathOf(client)}/secrets/${String(body.items[0]?.secretId)}`);
      },
    ],
    ['end the tokens of', ({ clientId }) => force({ scope: 'client', key: clientId })],
    ['count the tokens of', ({ clientId }) => force({ scope: 'client', key: clientId, dryRun: true })],
    [
      'end the tokens, not the sessions, of',
      ({ clientId }) => force({ scope: 'client', key: clientId, endSessions: false }),
    ],
    ['delete the audience of', () => helper.delete(addressOf(audience))],
    ['change the algorithm for', () => helper.patch(addressOf(audience), { algorithm: 'ES256' })],
  ];

  it.each(TOUCHES)('does not %s one that holds more', async (_what, touch) => {
    const before = await stateOf(strong);
    const token = await clientToken(app.http, strong);
    expect(status(await touch(strong))).toBe(403);
    expect(await stateOf(strong)).toEqual(before);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
  });

  it('cannot take a permission from one by deleting the permission', async () => {
    await admin.post('/v1/permissions', { name: 'parcels:send' });
    const client = await createClient(admin, { permissions: ['parcels:send', 'users:read'] });
    const { client: remover } = await holderOf(admin, ['roles:write', 'parcels:send']);
    expect(status(await remover.delete('/v1/permissions/parcels:send'))).toBe(403);
    expect(await stateOf(client)).toMatchObject({ permissions: ['parcels:send', 'users:read'] });
    await admin.put(`${pathOf(client)}/permissions`, { permissions: ['parcels:send'] });
    expect(status(await remover.delete('/v1/permissions/parcels:send'))).toBe(204);
    expect(await stateOf(client)).toMatchObject({ permissions: [] });
  });

  it('does not get to know the secret of an audience, with which any token can be written', async () => {
    const secret = randomBytes(32).toString('base64');
    const identifier = await createAudience(admin, { algorithm: 'HS256' });
    for (const answer of [
      await helper.post('/v1/audiences', { identifier: freshName('urn:mine'), algorithm: 'HS256' }),
      await helper.post('/v1/audiences', { identifier: freshName('urn:mine'), algorithm: 'HS256', secret }),
      await helper.post(`${addressOf(identifier)}/secret`),
      await helper.post(`${addressOf(identifier)}/secret`, { secret }),
      await helper.patch(addressOf(identifier), { algorithm: 'HS384' }),
      await helper.patch(addressOf(audience), { algorithm: 'HS256', secret }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
      expect(JSON.stringify(answer.body)).not.toContain('"secret"');
    }
    expect(await helper.patch(addressOf(identifier), { tokenTtlSeconds: 60 })).toMatchObject({ status: 200 });
    expect(status(await helper.post('/v1/audiences', { identifier: freshName('urn:mine'), algorithm: 'RS256' }))).toBe(
      201,
    );
  });

  it('is a person or a client alike', async () => {
    const writer = await createClient(admin, { permissions: ['clients:write', 'clients:read'] });
    const http = app.http.as(await clientToken(app.http, writer));
    expect(status(await http.post('/v1/clients', { name: 'x', permissions: ['clients:read'] }))).toBe(201);
    expect(status(await http.post('/v1/clients', { name: 'x', permissions: ['users:read'] }))).toBe(403);
    expect(status(await http.post(`${pathOf(strong)}/disable`))).toBe(403);
    expect(status(await http.post('/v1/audiences', { identifier: freshName('urn:mine'), algorithm: 'HS256' }))).toBe(
      403,
    );
  });

  it('needs the permission, and leaves a trace where they are refused', async () => {
    const { client: reader, person } = await holderOf(admin, ['clients:read']);
    for (const answer of [
      await reader.post('/v1/clients', { name: 'x' }),
      await reader.post(`${pathOf(strong)}/secrets`),
      await reader.post('/v1/audiences', { identifier: 'x', algorithm: 'RS256' }),
      await reader.delete(addressOf(audience)),
    ]) {
      expect(answer.status).toBe(403);
    }
    expect(status(await reader.get(pathOf(strong)))).toBe(200);
    expect(status(await reader.get(addressOf(audience)))).toBe(200);
    const { client: nobody } = await holderOf(admin, ['clients:write']);
    for (const path of [
      '/v1/clients',
      pathOf(strong),
      `${pathOf(strong)}/secrets`,
      '/v1/audiences',
      addressOf(audience),
    ]) {
      expect(status(await nobody.get(path))).toBe(403);
      expect(status(await app.http.get(path))).toBe(401);
    }
    const denied = await app.database.query(
      `SELECT FROM audit_events WHERE actor_id = $1 AND action = 'access.denied'`,
      [person.id],
    );
    expect(denied.length).toBeGreaterThan(0);
  });
});

describe('forcing the expiration', () => {
  const recordToken = (token: object) =>
    app.database.query(
      `INSERT INTO generated_tokens (jti, subject, audience, client_id, kid, roles, generated_by_type, generated_by, expires_at, revoked_at)
       SELECT jti, subject, audience, client_id, 'k', roles, 'user', 'nobody', expires_at, revoked_at
       FROM jsonb_populate_record(NULL::generated_tokens, $1::jsonb)`,
      [
        {
          jti: freshName('jti'),
          audience: 'x',
          client_id: 'x',
          subject: 'x',
          roles: [],
          expires_at: '2100-01-01',
          ...token,
        },
      ],
    );
  const forceAs = async (http: HttpClient, body: object) =>
    (await http.post('/v1/forced-expirations', { reason: 'a drill', ...body })).body;

  it('of a client ends its tokens and no one else’s', async () => {
    const [one, other] = [
      await createClient(admin, { permissions: ['users:read'] }),
      await createClient(admin, { permissions: ['users:read'] }),
    ];
    const [token, others] = [await clientToken(app.http, one), await clientToken(app.http, other)];
    expect(await forceAs(admin, { scope: 'client', key: one.clientId })).toEqual({ sessions: 0, tokens: 0 });
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('401 forced_expiration');
    expect(await verdict(app.http.as(others), '/v1/users')).toBe('accepted');
    expect(await verdict(app.http.as(await clientToken(app.http, one)), '/v1/users')).toBe('accepted');
  });

  it('takes what the client holds, and no more', async () => {
    const weak = await createClient(admin, { permissions: ['clients:read'] });
    expect(status(await force({ scope: 'client', key: weak.clientId }))).toBe(200);
    expect(status(await force({ scope: 'client', key: strong.clientId }))).toBe(403);
  });

  it('of an audience, registered or the issuer, knows it', async () => {
    expect(await forceAs(admin, { scope: 'audience', key: audience, dryRun: true })).toEqual({
      sessions: 0,
      tokens: 0,
    });
    expect(
      status(await admin.post('/v1/forced-expirations', { scope: 'audience', key: 'urn:none', reason: 'x' })),
    ).toBe(404);
    expect(status(await admin.post('/v1/forced-expirations', { scope: 'client', key: 'nobody', reason: 'x' }))).toBe(
      404,
    );
  });

  it('counts the recorded tokens of the scope that are still good', async () => {
    const client = await createClient(admin);
    const subject = '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11';
    const jti = freshName('jti');
    await recordToken({ jti, audience, client_id: client.clientId, subject, roles: ['auditor'] });
    await recordToken({ audience, client_id: client.clientId });
    await recordToken({ audience, client_id: client.clientId, expires_at: '2020-01-01' });
    await recordToken({ audience, client_id: client.clientId, revoked_at: '2020-01-01' });
    await recordToken({});
    const count = async (scope: string, key?: string) =>
      (await forceAs(admin, { scope, ...(key !== undefined && { key }), dryRun: true }))['tokens'];
    expect(await count('global')).toBe(3);
    expect(await count('client', client.clientId)).toBe(2);
    expect(await count('audience', audience)).toBe(2);
    expect(await count('role', 'auditor')).toBe(1);
    expect(await count('token', jti)).toBe(1);
    expect(await count('token', 'not-recorded')).toBe(0);
  });

  it('of one recorded token takes what its subject holds', async () => {
    const { person } = await holderOf(admin, ['users:read']);
    const [ofPerson, ofClient, ofNobody] = [freshName('jti'), freshName('jti'), freshName('jti')];
    await recordToken({ jti: ofPerson, subject: person.id });
    await recordToken({ jti: ofClient, subject: strong.clientId });
    await recordToken({ jti: ofNobody, subject: 'somebody else’s service' });
    expect(status(await force({ scope: 'token', key: ofPerson }))).toBe(403);
    expect(status(await force({ scope: 'token', key: ofClient }))).toBe(403);
    expect(status(await force({ scope: 'token', key: ofNobody }))).toBe(200);
    expect(status(await force({ scope: 'token', key: 'not-recorded' }))).toBe(200);
  });
});
