import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import {
  basic,
  clientToken,
  createAudience,
  createClient,
  introspect,
  postForm,
  type RegisteredClient,
} from './support/oauth.js';
import { verdict } from './support/people.js';

const KEY = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

let apps: [TestApp, TestApp];
let admin: HttpClient;
let audience: string;
let inspector: RegisteredClient;
let client: RegisteredClient;
let forIssuer: string;
let forAudience: string;

beforeAll(async () => {
  const first = await startApp();
  apps = [first, await startApp({ database: first.database })];
  admin = await first.admin();
  audience = await createAudience(admin);
  inspector = await createClient(admin, { audiences: [audience], permissions: ['tokens:introspect'] });
});
afterAll(async () => {
  await apps[1].close();
  await apps[0].close();
});
beforeEach(async () => {
  client = await createClient(admin, { permissions: ['users:read', 'roles:read'], audiences: [audience] });
  const { http } = apps[0];
  [forIssuer, forAudience] = [
    await clientToken(http, client),
    await clientToken(http, client, { resource: audience, scope: 'users:read' }),
  ];
});

/** What every instance says: its guard, and its introspection of the token for the audience. */
async function verdicts(): Promise<string[]> {
  const all = apps.map(async ({ http }) => {
    const said = await verdict(http.as(forIssuer), '/v1/users');
    const { active } = await introspect(http, forAudience, basic(inspector));
    return `${said}, ${active ? 'active' : 'inactive'}`;
  });
  return [...new Set(await Promise.all(all))];
}

describe('the tokens of a client end with the very next request, at every instance, when', () => {
  const path = (rest = ''): string => `/v1/clients/${client.clientId}${rest}`;

  async function secretsOf(): Promise<string[]> {
    const { body } = await admin.get<{ items: { secretId: string }[] }>(path('/secrets'));
    return body.items.map(({ secretId }) => secretId);
  }

  it.each<[string, () => Promise<unknown>, string]>([
    ['it is disabled', () => admin.post(path('/disable')), 'client_disabled'],
    ['it is deleted', () => admin.delete(path()), 'client_disabled'],
    [
      'its secret is deleted',
      async () => admin.delete(path(`/secrets/${(await secretsOf())[0] ?? ''}`)),
      'credentials_changed',
    ],
    ['it gets another secret', () => admin.post(path('/secrets')), 'credentials_changed'],
    ['its keys are changed', () => admin.put(path('/jwks'), { keys: [KEY] }), 'credentials_changed'],
    [
      'a permission is taken away',
      () => admin.put(path('/permissions'), { permissions: ['users:read'] }),
      'facts_changed',
    ],
    ['an audience is taken away', () => admin.put(path('/audiences'), { audiences: [] }), 'facts_changed'],
    [
      'it is disabled in SQL',
      () => apps[0].database.query(`UPDATE clients SET status = 'disabled' WHERE client_id = $1`, [client.clientId]),
      'client_disabled',
    ],
  ])('%s', async (_, end, reason) => {
    expect(await verdicts()).toEqual(['accepted, active']);
    const ended = await end();
    if (ended && typeof ended === 'object' && 'status' in ended) expect([200, 201, 204]).toContain(ended.status);
    expect(await verdicts()).toEqual([`401 ${reason}, inactive`]);
  });

  it('but not when it may do more', async () => {
    const more = await createAudience(admin);
    await admin.put(path('/permissions'), { permissions: ['users:read', 'roles:read', 'audit:read'] });
    await admin.put(path('/audiences'), { audiences: [audience, more] });
    expect(await verdicts()).toEqual(['accepted, active']);
  });
});

describe('a token that was asked for while its client was disabled', () => {
  it('is not accepted, whichever of the two was first', async () => {
    for (let round = 0; round < 5; round++) {
      const racing = await createClient(admin, { permissions: ['users:read'] });
      const ask = (n: number) =>
        postForm(
          apps[n % 2]?.http ?? apps[0].http,
          '/oauth/token',
          { grant_type: 'client_credentials' },
          basic(racing),
        );
      const asking = Array.from({ length: 20 }, (_, n) => ask(n));
      const [{ status }, ...answers] = await Promise.all([
        admin.post(`/v1/clients/${racing.clientId}/disable`),
        ...asking,
      ]);
      expect(status).toBe(200);
      for (const { status: answered, body } of answers) {
        expect([200, 401]).toContain(answered);
        if (answered !== 200) continue;
        const token = body['access_token'] as string;
        for (const { http } of apps) expect(await verdict(http.as(token), '/v1/users')).toBe('401 client_disabled');
      }
      expect((await ask(0)).body['error']).toBe('invalid_client');
    }
  });
});

describe('a client that failed too often', () => {
  it('is told to wait, and still gets a token with the right secret, from anywhere', async () => {
    const limited = await startApp({
      database: apps[0].database,
      env: { PORTCULLIS_RATE_LIMITS: 'on', PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1' },
    });
    const ask = (who: RegisteredClient, from: string) =>
      postForm(
        limited.http,
        '/oauth/token',
        { grant_type: 'client_credentials' },
        { ...basic(who), 'x-forwarded-for': from },
      );
    const wrong = { ...client, clientSecret: 'x'.repeat(43) };
    const statuses = [];
    for (let n = 0; n < 25; n++) statuses.push((await ask(wrong, '192.0.2.1')).status);
    expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
    const { headers, body } = await ask(wrong, '192.0.2.1');
    expect(body['error']).toBe('temporarily_unavailable');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    for (const from of ['192.0.2.1', '192.0.2.2']) expect((await ask(client, from)).status).toBe(200);
    expect((await ask(wrong, '192.0.2.2')).status).toBe(401);
    const query = `?action=client.authentication_failed&targetId=${client.clientId}&limit=100`;
    expect((await admin.get<{ items: object[] }>(`/v1/audit-events${query}`)).body.items).toHaveLength(21);
    await limited.close();
  });

  it('cannot try no end of names from one address either', async () => {
    const limited = await startApp({ database: apps[0].database, env: { PORTCULLIS_RATE_LIMITS: 'on' } });
    const ask = (n: number) =>
      postForm(
        limited.http,
        '/oauth/token',
        { grant_type: 'client_credentials' },
        basic({ clientId: `c${n}`, clientSecret: 'x' }),
      );
    const statuses = [];
    for (let n = 0; n < 125; n++) statuses.push((await ask(n)).status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(120);
    expect(statuses.slice(120)).toEqual([429, 429, 429, 429, 429]);
    await limited.close();
  });
});
