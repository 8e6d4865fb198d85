import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClientDirectory } from '../src/clients/client-directory.js';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { sha256 } from '../src/common/secrets.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { clientToken, createClient, type RegisteredClient } from './support/oauth.js';
import { verdict } from './support/people.js';
import { clockOf, eventsSince } from './support/window.js';

interface Shown {
  secretId: string;
  clientSecret: string;
  expiresAt: string | null;
}

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  await admin.post('/v1/audiences', { identifier: 'urn:orders', algorithm: 'RS256' });
});
afterAll(() => app.close());

const pathOf = ({ clientId }: RegisteredClient): string => `/v1/clients/${clientId}`;
const ecJwk = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

async function add(client: RegisteredClient, body: object = {}): Promise<Shown> {
  const answer = await admin.post<Shown>(`${pathOf(client)}/secrets`, body);
  expect([answer.status, answer.body]).toEqual([201, answer.body]);
  return answer.body;
}

async function list(client: RegisteredClient): Promise<Shown[]> {
  return (await admin.get<{ items: Shown[] }>(`${pathOf(client)}/secrets`)).body.items;
}

async function hashesOf({ clientId }: RegisteredClient): Promise<Buffer[]> {
  return (await app.nest.get(ClientDirectory).credentialsOf(clientId))?.secretHashes ?? [];
}

describe('the secrets of a client', () => {
  it('are two at a time, so that one can be exchanged for the other', async () => {
    const client = await createClient(admin);
    const second = await add(client);
    expect(second).toMatchObject({
      expiresAt: null,
      clientSecret: expect.stringMatching(/^pcs_[\w-]{43}$/) as unknown,
    });
    expect(await hashesOf(client)).toEqual(
      expect.arrayContaining([sha256(client.clientSecret), sha256(second.clientSecret)]),
    );
    expect(await admin.post(`${pathOf(client)}/secrets`)).toMatchObject({
      status: 409,
      body: { code: 'too_many_secrets' },
    });
    const [first] = await list(client);
    expect((await admin.delete(`${pathOf(client)}/secrets/${String(first?.secretId)}`)).status).toBe(204);
    expect(await hashesOf(client)).toEqual([sha256(second.clientSecret)]);
    expect(await list(client)).toEqual([
      { secretId: second.secretId, createdAt: expect.any(String) as unknown, expiresAt: null },
    ]);
    await add(client);
    expect(await hashesOf(client)).toHaveLength(2);
  });

  it('expire when it was said that they should, and no later', async () => {
    const client = await createClient(admin);
    const second = await add(client, { expiresPreviousInSeconds: 3600 });
    const [first] = await list(client);
    const left = Date.parse(String(first?.expiresAt)) - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThan(3_700_000);
    // Both are valid still.
    expect((await admin.post(`${pathOf(client)}/secrets`, { expiresPreviousInSeconds: 60 })).status).toBe(409);
    expect((await list(client))[0]?.expiresAt).toBe(first?.expiresAt);
    const third = await add(client, { expiresPreviousInSeconds: 0 });
    expect(await hashesOf(client)).toEqual([sha256(third.clientSecret)]);
    expect((await list(client)).map(({ secretId }) => secretId)).toEqual([third.secretId]);
    for (const { secretId } of [second, { secretId: String(first?.secretId) }]) {
      expect((await admin.delete(`${pathOf(client)}/secrets/${secretId}`)).status).toBe(404);
    }
  });

  it.each([-1, 1.5, '60', 31_622_401, null])('do not expire in %j seconds', async (expiresPreviousInSeconds) => {
    const client = await createClient(admin);
    const { status } = await admin.post(`${pathOf(client)}/secrets`, { expiresPreviousInSeconds });
    expect(status).toBe(400);
    expect(await list(client)).toHaveLength(1);
  });

  it('are those of one client: another one’s are not found', async () => {
    const [one, other] = [await createClient(admin), await createClient(admin)];
    const [secret] = await list(other);
    for (const id of [String(secret?.secretId), 'x', '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11']) {
      expect((await admin.delete(`${pathOf(one)}/secrets/${id}`)).status).toBe(404);
    }
    expect((await admin.get('/v1/clients/nobody/secrets')).status).toBe(404);
    expect((await admin.post('/v1/clients/nobody/secrets')).status).toBe(404);
    expect(await list(other)).toHaveLength(1);
  });

  it('are swept away when they expired, which ends nothing', async () => {
    const client = await createClient(admin);
    await add(client, { expiresPreviousInSeconds: 60 });
    await app.database.query(
      `UPDATE client_secrets SET expires_at = clock_timestamp() - interval '2 days'
       WHERE client_id = $1 AND expires_at IS NOT NULL`,
      [client.clientId],
    );
    const assertion = (jti: string, ago: string) =>
      app.database.query(
        `INSERT INTO used_assertions (client_id, jti, expires_at) VALUES ($1, $2, clock_timestamp() - $3::interval)`,
        [client.clientId, jti, ago],
      );
    await assertion('old', '1 hour');
    await assertion('recent', '1 minute');
    const before = await clockOf(app.database);
    for (const expected of [1, 0]) {
      expect(await app.nest.get(ExpiredRows).sweep('client_secrets')).toBe(expected);
      expect(await app.nest.get(ExpiredRows).sweep('used_assertions')).toBe(expected);
    }
    expect(await eventsSince(app.database, before)).toEqual([]);
    expect(await app.database.query('SELECT jti FROM used_assertions')).toEqual([{ jti: 'recent' }]);
    const left = await app.database.query('SELECT FROM client_secrets WHERE client_id = $1', [client.clientId]);
    expect(left).toHaveLength(1);
  });
});

describe('the tokens of a client', () => {
  type Change = (client: RegisteredClient) => Promise<unknown>;

  const ENDING: [string, Change, string][] = [
    ['it is disabled', (client) => admin.post(`${pathOf(client)}/disable`), 'client_disabled'],
    ['it is deleted', (client) => admin.delete(pathOf(client)), 'client_disabled'],
    ['it gets another secret', (client) => add(client), 'credentials_changed'],
    ['its secret is to expire', (client) => add(client, { expiresPreviousInSeconds: 60 }), 'credentials_changed'],
    [
      'its secret is deleted',
      async (client) => admin.delete(`${pathOf(client)}/secrets/${String((await list(client))[0]?.secretId)}`),
      'credentials_changed',
    ],
    ['it gets keys', (client) => admin.put(`${pathOf(client)}/jwks`, { keys: [ecJwk()] }), 'credentials_changed'],
    [
      'a permission is taken from it',
      (client) => admin.put(`${pathOf(client)}/permissions`, { permissions: ['users:read'] }),
      'facts_changed',
    ],
    [
      'an audience is taken from it',
      (client) => admin.put(`${pathOf(client)}/audiences`, { audiences: [] }),
      'facts_changed',
    ],
  ];

  it.each(ENDING)('end at once when %s', async (_when, change, reason) => {
    const client = await createClient(admin, { permissions: ['users:read', 'audit:read'], audiences: ['urn:orders'] });
    const other = await createClient(admin, { permissions: ['users:read'] });
    const [token, others] = [await clientToken(app.http, client), await clientToken(app.http, other)];
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
    const before = await clockOf(app.database);
    await change(client);
    expect(await eventsSince(app.database, before)).toEqual([{ kind: 'client', key: client.clientId, reason }]);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe(`401 ${reason}`);
    expect(await verdict(app.http.as(others), '/v1/users')).toBe('accepted');
  });

  const LEAVING: [string, Change][] = [
    ['it is renamed', (client) => admin.patch(pathOf(client), { name: 'Another' })],
    ['it is enabled, being active', (client) => admin.post(`${pathOf(client)}/enable`)],
    [
      'it gets more permissions',
      (client) => admin.put(`${pathOf(client)}/permissions`, { permissions: ['users:read', 'audit:read'] }),
    ],
    ['it gets more audiences', (client) => admin.put(`${pathOf(client)}/audiences`, { audiences: ['urn:orders'] })],
    ['it keeps its keys', (client) => admin.put(`${pathOf(client)}/jwks`, { keys: [] })],
    ['it is refused a secret', (client) => admin.delete(`${pathOf(client)}/secrets/${'0'.repeat(8)}`)],
  ];

  it.each(LEAVING)('live on when %s', async (_when, change) => {
    const client = await createClient(admin, { permissions: ['users:read'] });
    const token = await clientToken(app.http, client);
    const before = await clockOf(app.database);
    await change(client);
    expect(await eventsSince(app.database, before)).toEqual([]);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('accepted');
  });

  it('stay ended when it is enabled again, and new ones are good', async () => {
    const client = await createClient(admin, { permissions: ['users:read'] });
    const token = await clientToken(app.http, client);
    await admin.post(`${pathOf(client)}/disable`);
    await expect(clientToken(app.http, client)).rejects.toThrow();
    await admin.post(`${pathOf(client)}/enable`);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('401 client_disabled');
    expect(await verdict(app.http.as(await clientToken(app.http, client)), '/v1/users')).toBe('accepted');
  });

  it('end in SQL alike', async () => {
    const client = await createClient(admin, { permissions: ['users:read'] });
    const token = await clientToken(app.http, client);
    await app.database.query(`UPDATE client_secrets SET hash = '\\x00' WHERE client_id = $1`, [client.clientId]);
    expect(await verdict(app.http.as(token), '/v1/users')).toBe('401 credentials_changed');
  });
});
