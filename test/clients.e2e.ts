import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClientDirectory } from '../src/clients/client-directory.js';
import { sha256 } from '../src/common/secrets.js';
import { startApp, type TestApp } from './support/app.js';
import { freshName } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';

type Problem = Answer<{ code?: string; errors?: { field: string }[] }>;
type Body = Record<string, unknown>;

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  await admin.post('/v1/audiences', { identifier: 'urn:orders', algorithm: 'RS256' });
  await admin.post('/v1/audiences', { identifier: 'urn:stock', algorithm: 'RS256' });
});
afterAll(() => app.close());

const problem = ({ status, body }: Problem) => ({
  status,
  code: body.code,
  fields: body.errors?.map(({ field }) => field),
});
const invalid = (...fields: string[]) => ({ status: 400, code: 'validation_failed', fields });
const ecJwk = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

async function createClient(given: object = {}): Promise<Body> {
  const { status, body } = await admin.post('/v1/clients', { name: 'Billing', ...given });
  expect([status, body]).toEqual([201, body]);
  return body;
}

async function trail(clientId: unknown): Promise<unknown[]> {
  return app.database.query(`SELECT action, actor_type FROM audit_events WHERE target_id = $1 ORDER BY id`, [clientId]);
}

describe('a client', () => {
  it('is registered with what it may do, and gets a secret that is shown this once', async () => {
    const given = { permissions: ['users:read', 'audit:read'], audiences: ['urn:stock', 'urn:orders'] };
    const { status, body, headers } = await admin.post('/v1/clients', { name: 'Billing', ...given });
    expect(status).toBe(201);
    const { clientId, clientSecret, secretId, ...rest } = body;
    expect(clientId).toMatch(/^[A-Za-z0-9._-]{10,}$/);
    expect(clientSecret).toMatch(/^pcs_[\w-]{43}$/);
    expect(rest).toEqual({
      name: 'Billing',
      status: 'active',
      permissions: ['audit:read', 'users:read'],
      audiences: ['urn:orders', 'urn:stock'],
      jwks: null,
      createdAt: expect.any(String) as unknown,
      updatedAt: expect.any(String) as unknown,
    });
    const read = await admin.get(`/v1/clients/${String(clientId)}`);
    expect(read.body).toEqual({ clientId, ...rest });
    expect(read.headers.get('etag')).toBe(headers.get('etag'));
    const stored = await app.database.query('SELECT id, hash FROM client_secrets WHERE client_id = $1', [clientId]);
    expect(stored).toEqual([{ id: secretId, hash: sha256(String(clientSecret)) }]);
    expect(await trail(clientId)).toEqual([{ action: 'client.created', actor_type: 'user' }]);
    const [audited] = await app.database.query('SELECT details::text FROM audit_events WHERE target_id = $1', [
      clientId,
    ]);
    expect(JSON.stringify(audited)).not.toContain(String(clientSecret).slice(4, 20));
  });

  it('may have a name of one’s choice, which nobody else gets', async () => {
    const clientId = freshName('Billing.v2_');
    expect(await createClient({ clientId })).toMatchObject({ clientId });
    expect(problem(await admin.post('/v1/clients', { name: 'x', clientId }))).toEqual({
      status: 409,
      code: 'client_id_taken',
      fields: ['clientId'],
    });
  });

  it.each(['portcullis', 'PORTCULLIS', '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', '', '..', 'a b', 'a/b', 'é', 7, null])(
    'cannot pass for somebody else, or for an address: %j',
    async (clientId) => {
      const answer = problem(await admin.post('/v1/clients', { name: 'x', clientId }));
      expect({ ...answer, fields: answer.fields?.slice(0, 1) }).toEqual(invalid('clientId'));
    },
  );

  it.each<[object, string[]]>([
    [{ name: '' }, ['name']],
    [{ name: 'x'.repeat(201) }, ['name']],
    [{ name: 'a\0b' }, ['name']],
    [{ name: 'gnilliB\u202e' }, ['name']],
    [{ permissions: ['users:read', 'no:such'] }, ['permissions.1']],
    [{ permissions: ['users:read', 'users:read'] }, ['permissions']],
    [{ audiences: ['urn:orders', 'urn:none', 'http://localhost:3000'] }, ['audiences.1', 'audiences.2']],
    [{ audiences: 'urn:orders' }, ['audiences']],
    [{ jwks: {} }, ['jwks.keys']],
    [{ jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }, ['jwks.keys.0']],
    [{ withSecret: 'yes' }, ['withSecret']],
    [{ status: 'active' }, ['status']],
    [{ epoch: 0 }, ['epoch']],
  ])('is not registered with %j', async (given, fields) => {
    const answer = problem(await admin.post('/v1/clients', { name: 'x', ...given }));
    expect({ ...answer, fields: [...new Set(answer.fields)] }).toEqual(invalid(...fields));
  });

  it('has no secret when it has keys, unless asked for', async () => {
    const jwks = { keys: [ecJwk()] };
    const { clientSecret, jwks: registered } = await createClient({ jwks });
    expect(clientSecret).toBeUndefined();
    expect(registered).toMatchObject({ keys: [{ ...jwks.keys[0], alg: 'ES256', use: 'sig' }] });
    expect((await createClient({ jwks, withSecret: true }))['clientSecret']).toBeDefined();
    expect((await createClient({ withSecret: false }))['clientSecret']).toBeUndefined();
  });

  it('is listed, the oldest first, page by page', async () => {
    const made: unknown[] = [];
    for (let n = 0; n < 5; n++) made.push((await createClient())['clientId']);
    const seen: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await admin.get<{ items: Body[]; nextCursor: string | null }>(`/v1/clients?limit=2${query}`);
      seen.push(...body.items.map(({ clientId }) => clientId));
      cursor = body.nextCursor;
    }
    expect(seen.slice(-5)).toEqual(made);
    expect(new Set(seen).size).toBe(seen.length);
    for (const cursor of ['x', Buffer.from('9999999999999999 a').toString('base64url').slice(3), '%00']) {
      expect((await admin.get(`/v1/clients?cursor=${cursor}`)).status).toBe(400);
    }
    expect(
      (await admin.get(`/v1/clients?cursor=${Buffer.from('9999999999999999 a').toString('base64url')}`)).body,
    ).toEqual({
      items: [],
      nextCursor: null,
    });
  });

  it('is renamed, disabled, enabled and deleted', async () => {
    const { clientId } = await createClient({ permissions: ['users:read'] });
    const path = `/v1/clients/${String(clientId)}`;
    expect(await admin.patch(path, { name: 'Invoices' })).toMatchObject({ status: 200, body: { name: 'Invoices' } });
    expect(problem(await admin.patch(path, {}))).toMatchObject({ status: 400 });
    expect(problem(await admin.patch(path, { name: 'x', status: 'disabled' }))).toEqual(invalid('status'));
    expect(await admin.post(`${path}/disable`)).toMatchObject({ status: 200, body: { status: 'disabled' } });
    expect(await admin.post(`${path}/disable`)).toMatchObject({ status: 200, body: { status: 'disabled' } });
    expect(await admin.post(`${path}/enable`)).toMatchObject({ status: 200, body: { status: 'active' } });
    expect((await admin.delete(path)).status).toBe(204);
    for (const answer of [await admin.get(path), await admin.delete(path), await admin.post(`${path}/enable`)]) {
      expect(problem(answer)).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect((await trail(clientId)).map((row) => (row as { action: string }).action)).toEqual([
      'client.created',
      'client.updated',
      'client.disabled',
      'client.enabled',
      'client.deleted',
    ]);
  });

  it('gets other permissions and audiences', async () => {
    const { clientId } = await createClient({ permissions: ['users:read'], audiences: ['urn:orders'] });
    const path = `/v1/clients/${String(clientId)}`;
    expect(await admin.put(`${path}/permissions`, { permissions: ['roles:read', 'audit:read'] })).toMatchObject({
      status: 200,
      body: { permissions: ['audit:read', 'roles:read'] },
    });
    expect(await admin.put(`${path}/audiences`, { audiences: ['urn:stock'] })).toMatchObject({
      status: 200,
      body: { audiences: ['urn:stock'] },
    });
    expect(problem(await admin.put(`${path}/permissions`, { permissions: ['no:such'] }))).toEqual(
      invalid('permissions.0'),
    );
    expect(problem(await admin.put(`${path}/audiences`, { audiences: ['urn:none'] }))).toEqual(invalid('audiences.0'));
    expect(await admin.put(`${path}/permissions`, { permissions: [] })).toMatchObject({ body: { permissions: [] } });
  });

  it('gets other keys', async () => {
    const { clientId } = await createClient();
    const path = `/v1/clients/${String(clientId)}/jwks`;
    const keys = [ecJwk(), ecJwk()];
    expect(await admin.put(path, { keys })).toMatchObject({ status: 200, body: { jwks: { keys } } });
    expect(problem(await admin.put(path, { keys: [{ ...ecJwk(), d: 'AA' }] }))).toEqual(invalid('keys.0'));
    expect(problem(await admin.put(path, { keys: Array.from({ length: 6 }, ecJwk) }))).toMatchObject(invalid('keys'));
    expect(problem(await admin.put(path, { keys: {} }))).toMatchObject({ status: 400 });
    expect(await admin.put(path, { keys: [] })).toMatchObject({ status: 200, body: { jwks: null } });
  });

  it('is changed by If-Match only as it was read, and the tag stands for all of it', async () => {
    const { clientId } = await createClient({ permissions: ['users:read'] });
    const path = `/v1/clients/${String(clientId)}`;
    const tags: (string | null)[] = [];
    const tag = async () => {
      const etag = (await admin.get(path)).headers.get('etag');
      tags.push(etag);
      return { headers: { 'if-match': etag ?? '' } };
    };
    const stale = await tag();
    await admin.patch(path, { name: 'Other' }, await tag());
    await admin.put(`${path}/permissions`, { permissions: ['audit:read'] }, await tag());
    await admin.put(`${path}/audiences`, { audiences: ['urn:orders'] }, await tag());
    await admin.put(`${path}/jwks`, { keys: [ecJwk()] }, await tag());
    await admin.post(`${path}/secrets`, {}, await tag());
    await admin.post(`${path}/disable`, undefined, await tag());
    await tag();
    expect(new Set(tags).size).toBe(tags.length - 1);
    for (const answer of [
      await admin.patch(path, { name: 'Third' }, stale),
      await admin.put(`${path}/permissions`, { permissions: [] }, stale),
      await admin.put(`${path}/audiences`, { audiences: [] }, stale),
      await admin.put(`${path}/jwks`, { keys: [] }, stale),
      await admin.post(`${path}/secrets`, {}, stale),
      await admin.post(`${path}/enable`, undefined, stale),
      await admin.delete(path, undefined, stale),
    ]) {
      expect(problem(answer)).toMatchObject({ status: 412, code: 'precondition_failed' });
    }
  });

  it('loses a permission that is deleted', async () => {
    await admin.post('/v1/permissions', { name: 'parcels:send' });
    const { clientId } = await createClient({ permissions: ['parcels:send', 'users:read'] });
    const before = await admin.get(`/v1/clients/${String(clientId)}`);
    expect((await admin.delete('/v1/permissions/parcels:send')).status).toBe(204);
    const after = await admin.get(`/v1/clients/${String(clientId)}`);
    expect(after.body['permissions']).toEqual(['users:read']);
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
  });
});

describe('the credentials of a client', () => {
  it('are read by one statement, with all that they entitle to', async () => {
    const directory = app.nest.get(ClientDirectory);
    const { clientId, clientSecret } = await createClient({
      permissions: ['users:read', 'audit:read'],
      audiences: ['urn:stock'],
      jwks: { keys: [ecJwk()] },
      withSecret: true,
    });
    expect(await directory.credentialsOf(String(clientId))).toEqual({
      clientId,
      name: 'Billing',
      status: 'active',
      epoch: expect.stringMatching(/^\d+$/) as unknown,
      secretHashes: [sha256(String(clientSecret))],
      jwks: { keys: [expect.objectContaining({ kty: 'EC', alg: 'ES256' })] },
      permissions: ['audit:read', 'users:read'],
      audiences: ['urn:stock'],
    });
  });

  it('are none for who is unknown', async () => {
    const directory = app.nest.get(ClientDirectory);
    for (const clientId of ['nobody', '', 'a\0b', 'portcullis', 'x'.repeat(300)]) {
      expect(await directory.credentialsOf(clientId)).toBeNull();
    }
  });

  it('belong to another epoch when an id is used again', async () => {
    const directory = app.nest.get(ClientDirectory);
    const { clientId } = await createClient();
    const epochOf = async () => (await directory.credentialsOf(String(clientId)))?.epoch;
    const before = await epochOf();
    await admin.delete(`/v1/clients/${String(clientId)}`);
    await createClient({ clientId });
    expect(await epochOf()).not.toBe(before);
  });
});
