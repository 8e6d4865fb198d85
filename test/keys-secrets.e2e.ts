import { createHmac, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { SYSTEM } from '../src/common/principal.js';
import { KeysService } from '../src/keys/keys.service.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { KeyDrill } from './support/key-drill.js';

const ENV = { PORTCULLIS_ISSUER: 'https://auth.example' };
const BYTES = Buffer.from('what is signed');

let database: TestDatabase;
let a: TestApp;
let b: TestApp;
let keys: KeyDrill;

beforeAll(async () => {
  database = await createDatabase();
  [a, b] = [await startApp({ database, env: ENV }), await startApp({ database, env: ENV })];
  keys = await KeyDrill.on(a);
  await KeyDrill.on(b);
});
afterAll(async () => {
  await a.close();
  await b.close();
  await database.drop();
});

async function give(audience: string, algorithm: 'HS256' | 'HS384' | 'HS512', secret: Buffer): Promise<string> {
  const service = a.nest.get(KeysService);
  const { kid } = await a.nest
    .get(DataSource)
    .transaction((manager) => service.introduceSecret(manager, { audience, algorithm, secret }, SYSTEM));
  return kid;
}

/** The secret by which another instance verifies. */
async function secretAt({ nest }: TestApp, kid: string): Promise<[string | null, Buffer] | null> {
  const key = await nest.get(KeysService).refresh(kid);
  return key ? [key.audience, key.key.export()] : null;
}

describe('the secret of an audience', () => {
  it.each([
    ['HS256', 32, 'sha256'],
    ['HS384', 48, 'sha384'],
    ['HS512', 64, 'sha512'],
  ] as const)('%s signs and verifies at every instance, for that audience alone', async (algorithm, length, digest) => {
    const secret = randomBytes(length);
    const kid = await give(`urn:${algorithm}`, algorithm, secret);
    expect(await b.nest.get(KeysService).sign(kid, BYTES)).toEqual(createHmac(digest, secret).update(BYTES).digest());
    expect(await secretAt(b, kid)).toEqual([`urn:${algorithm}`, secret]);
  });

  it('stands in the list, without itself, and never in the JWKS', async () => {
    const secret = randomBytes(32);
    const kid = await give('urn:listed', 'HS256', secret);
    expect(await keys.read(kid)).toMatchObject({
      ...{ kid, state: 'active', algorithm: 'HS256', audience: 'urn:listed', origin: 'generated' },
      ...{ publicJwk: null, publicPem: null },
    });
    expect(await keys.published()).not.toContain(kid);
    const [row] = await database.query<{ private_key: Buffer }>('SELECT private_key FROM signing_keys WHERE kid = $1', [
      kid,
    ]);
    expect(row?.private_key.includes(secret)).toBe(false);
    const everything = JSON.stringify([await keys.list(), await database.query('SELECT * FROM audit_events')]);
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      expect(everything).not.toContain(secret.toString(encoding));
    }
    expect(await keys.trailOf(kid)).toEqual(['key.created by system']);
  });

  it('must be of the length that its algorithm asks for', async () => {
    await expect(give('urn:short', 'HS256', randomBytes(31))).rejects.toThrow(TypeError);
    await expect(give('urn:short', 'HS512', randomBytes(32))).rejects.toThrow(TypeError);
    await expect(give('urn:long', 'HS256', randomBytes(64))).rejects.toThrow(TypeError);
  });

  it('signs at once when it replaces another, which verifies until its last token has expired', async () => {
    const secrets = [randomBytes(32), randomBytes(64)] as const;
    const first = await give('urn:replaced', 'HS256', secrets[0]);
    const second = await give('urn:replaced', 'HS512', secrets[1]);
    expect([(await keys.read(first)).state, (await keys.read(second)).state]).toEqual(['retiring', 'active']);
    expect(await keys.privateHalves([first, second])).toHaveLength(2);
    await keys.age(first, 24 * 3600 + 599);
    await keys.tend();
    expect(await secretAt(b, first)).toEqual(['urn:replaced', secrets[0]]);
    await keys.age(first, 1);
    await keys.tend();
    expect([await secretAt(b, first), await keys.privateHalves([first, second])]).toEqual([null, [second]]);
    expect((await keys.read(first)).state).toBe('retired');
  });

  it('is revoked as any key is, is gone everywhere, and is not replaced unasked', async () => {
    const kid = await give('urn:revoked', 'HS256', randomBytes(32));
    expect(await secretAt(b, kid)).not.toBeNull();
    expect((await keys.revoke(kid)).status).toBe(200);
    expect([await secretAt(b, kid), await keys.privateHalves([kid])]).toEqual([null, []]);
    await keys.tend();
    const ofAudience = (await keys.list()).filter(({ audience }) => audience === 'urn:revoked');
    expect(ofAudience.map(({ state }) => state)).toEqual(['revoked']);
  });

  it('of no age is replaced by itself', async () => {
    const kid = await give('urn:old', 'HS256', randomBytes(32));
    await keys.age(kid, 1000 * 24 * 3600);
    await keys.tend();
    expect((await keys.read(kid)).state).toBe('active');
  });

  it('that cannot be decrypted is a failure, not an unknown key', async () => {
    const kid = await give('urn:broken', 'HS256', randomBytes(32));
    await database.query(`UPDATE signing_keys SET private_key = '\\x0102' WHERE kid = $1`, [kid]);
    await expect(b.nest.get(KeysService).refresh(kid)).rejects.toThrow();
    const another = await give('urn:whole', 'HS256', randomBytes(32));
    expect(await secretAt(b, another)).not.toBeNull();
  });

  it('without an audience is none: it would verify for everyone', async () => {
    const kid = await give('urn:lost', 'HS256', randomBytes(32));
    await database.query('UPDATE signing_keys SET audience = NULL WHERE kid = $1', [kid]);
    await expect(b.nest.get(KeysService).refresh(kid)).rejects.toThrow(/audience/);
  });
});
