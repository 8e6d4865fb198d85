import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { KeyDrill, type ShownKey } from './support/key-drill.js';
import { signIn } from './support/people.js';

const MOMENTS = ['createdAt', 'activatedAt', 'retiringAt', 'retireAt', 'retiredAt', 'revokedAt'];

let app: TestApp;
let keys: KeyDrill;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  keys = await KeyDrill.on(app);
  for (const algorithm of ['EdDSA', 'EdDSA', 'ES256', 'ES384']) await keys.rotate(algorithm);
  await keys.revoke(await keys.activeKid('ES384'));
  await keys.rotate();
  admin = await keys.client();
});
afterAll(() => app.close());

describe('the list of keys', () => {
  it('has every key there ever was, newest first, page by page, and nothing secret', async () => {
    const all = await keys.list();
    expect(all.length).toBeGreaterThan(5);
    const seen: ShownKey[] = [];
    for (let cursor = ''; ;) {
      const page = await admin.get<{ items: ShownKey[]; nextCursor: string | null }>(`/v1/keys?limit=2${cursor}`);
      seen.push(...page.body.items);
      if (page.body.nextCursor === null) break;
      cursor = `&cursor=${page.body.nextCursor}`;
    }
    expect(seen).toEqual(all);
    for (const key of all) {
      expect(Object.keys(key).sort()).toEqual(['kid', 'state', 'algorithm', 'audience', 'origin', ...MOMENTS].sort());
    }
    const created = all.map(({ createdAt }) => Date.parse(String(createdAt)));
    expect(created).toEqual([...created].sort((a, b) => b - a));
    expect((await admin.get('/v1/keys?cursor=AAAA')).status).toBe(400);
  });

  it('shows of one key its public half, as JWK and PEM', async () => {
    const { publicJwk, publicPem, ...shown } = await keys.read(await keys.activeKid());
    const [jwk] = (await app.http.get<{ keys: Record<string, string>[] }>('/jwks.json')).body.keys.filter(
      (key) => key['kid'] === shown.kid,
    );
    expect(jwk).toMatchObject(publicJwk as object);
    expect(createPublicKey(String(publicPem)).export({ format: 'jwk' })).toEqual(publicJwk);
  });

  it.each(['nothing', '%00', '%0A', '..%2F..', 'a'.repeat(201), '%F0%9F%94%91', "'%3B--", 'rotate'])(
    'knows no key %s',
    async (kid) => {
      expect((await admin.get(`/v1/keys/${kid}`)).status).toBe(404);
      expect((await admin.post(`/v1/keys/${kid}/revoke`)).status).toBe(404);
    },
  );

  it('refuses what it does not understand', async () => {
    const refused = async (path: string, body: object): Promise<number> => (await admin.post(path, body)).status;
    expect(await refused('/v1/keys/rotate', { algorithm: 'HS256' })).toBe(400);
    expect(await refused('/v1/keys/rotate', { algorithm: 'none' })).toBe(400);
    expect(await refused('/v1/keys/rotate', { algorithm: null })).toBe(400);
    expect(await refused('/v1/keys/rotate', { bits: 512 })).toBe(400);
    expect(await refused(`/v1/keys/${await keys.activeKid()}/revoke`, { reason: '' })).toBe(400);
    expect(await refused(`/v1/keys/${await keys.activeKid()}/revoke`, { reason: 'a\nb' })).toBe(400);
  });

  it('is for those who may read keys, and changing them for those who may write them', async () => {
    await admin.post('/v1/roles', { name: 'key-reader', permissions: ['keys:read'] });
    const who = { username: 'reader', email: 'reader@example.org', password: 'correct horse battery staple' };
    await admin.post('/v1/users', { ...who, roles: ['key-reader'] });
    const { http } = await signIn(app.http, who);
    expect((await http.get('/v1/keys')).status).toBe(200);
    expect((await http.post('/v1/keys/rotate')).status).toBe(403);
    expect((await http.post(`/v1/keys/${await keys.activeKid()}/revoke`)).status).toBe(403);
    expect((await app.http.get('/v1/keys')).status).toBe(401);
  });
});
