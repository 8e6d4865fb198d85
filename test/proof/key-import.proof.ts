import { createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT, createRemoteJWKSet, jwtVerify } from 'jose';
import { SYSTEM } from '../../src/common/principal.js';
import { KeyExport } from '../../src/keys/key-export.service.js';
import { KeyImport, type KeyToImport } from '../../src/keys/key-import.service.js';
import { KeysService } from '../../src/keys/keys.service.js';
import { ADMIN, startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { KeyDrill } from '../support/key-drill.js';
import { signIn, verdict } from '../support/people.js';
import { headerOf } from '../support/tokens.js';

const PASSPHRASE = 'correct horse battery staple';
const ENV = { PORTCULLIS_ISSUER: 'https://auth.example', PORTCULLIS_SIGNING_ALGORITHM: 'ES256' };

let database: TestDatabase;
let a: TestApp;
let b: TestApp;
let keys: KeyDrill;

beforeEach(async () => {
  database = await createDatabase();
  [a, b] = [await startApp({ database, env: ENV }), await startApp({ database, env: ENV })];
  keys = await KeyDrill.on(a);
  await KeyDrill.on(b);
});
afterEach(async () => {
  await a.close();
  await b.close();
  await database.drop();
});

const take = (text: string, options: KeyToImport = {}) => a.nest.get(KeyImport).import(text, options, SYSTEM);
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string;
const publicPem = (key: KeyObject): string => createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string;
const p256 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

describe('an imported key', () => {
  it('is published first, signs when every verifier can know it, and retires the one before', async () => {
    const before = await keys.activeKid('ES256');
    const key = p256();
    const { kid, algorithm, state } = await take(pem(key));
    expect([algorithm, state]).toEqual(['ES256', 'pending']);
    expect(await keys.published()).toEqual([before, kid]);
    expect(await keys.signingKid()).toBe(before);
    expect(await keys.read(kid)).toMatchObject({ origin: 'imported', state: 'pending' });

    await keys.age(kid, 3600);
    await keys.tend();
    const { accessToken } = await signIn(b.http, ADMIN);
    expect(headerOf(accessToken)['kid']).toBe(kid);
    for (const app of [a, b]) expect(await verdict(app.http.as(accessToken))).toBe('accepted');
    expect(await keys.read(before)).toMatchObject({ state: 'retiring' });
    expect(await keys.trailOf(kid)).toEqual(['key.imported by system', 'key.activated by system']);
  });

  it.each<[string, (key: KeyObject) => string, KeyToImport, string]>([
    ['its JWK says', (key) => JSON.stringify({ ...key.export({ format: 'jwk' }), alg: 'RS256' }), {}, 'RS256'],
    [
      'the operator says',
      (key) => key.export({ format: 'pem', type: 'spki' }) as string,
      { algorithm: 'RS256' },
      'RS256',
    ],
    ['its length says', (key) => key.export({ format: 'pem', type: 'spki' }) as string, {}, 'RS512'],
  ])('of another issuer verifies by the algorithm that %s', async (_, textOf, options, algorithm) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const kept = await take(textOf(publicKey), { state: 'retiring', ...options });
    expect(kept).toMatchObject({ algorithm, state: 'retiring' });
    const token = await new SignJWT().setProtectedHeader({ alg: algorithm, kid: kept.kid }).sign(privateKey);
    await jwtVerify(token, createRemoteJWKSet(new URL(`${a.url}/jwks.json`)), { algorithms: [algorithm] });
    const explained = await (await a.admin()).post('/v1/tokens/explain', { token });
    expect(explained.body).toMatchObject({ accepted: false });
  });

  it('has no algorithm by wish where it signs, nor one that contradicts what its JWK says', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await expect(take(pem(privateKey), { algorithm: 'RS512' })).rejects.toMatchObject({
      extras: { errors: [{ field: 'algorithm', message: expect.any(String) }] },
    });
    const jwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), alg: 'RS256' });
    await expect(take(jwk, { state: 'retiring', algorithm: 'RS512' })).rejects.toMatchObject({
      code: 'wrong_algorithm',
    });
    await expect(take(jwk, { state: 'retiring', algorithm: 'ES256' })).rejects.toMatchObject({
      code: 'wrong_algorithm',
    });
  });

  it('signs at once where no key of its algorithm does, pending or active', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(await take(pem(privateKey))).toMatchObject({ algorithm: 'EdDSA', state: 'active' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    expect(await take(pem(rsa), { state: 'active', pss: true })).toMatchObject({ algorithm: 'PS256', state: 'active' });
    await expect(take(pem(p256()), { state: 'active' })).rejects.toMatchObject({ code: 'active_key_exists' });
    await expect(take(pem(rsa))).rejects.toMatchObject({ code: 'key_exists' });
  });

  it('is stored under the master key, its private half in no other form', async () => {
    const key = p256();
    const { kid } = await take(pem(key));
    const [row] = await database.query<{ private_key: Buffer; master_key_id: string }>(
      'SELECT private_key, master_key_id FROM signing_keys WHERE kid = $1',
      [kid],
    );
    const { d = '' } = key.export({ format: 'jwk' });
    expect(row?.private_key.includes(Buffer.from(d, 'base64url'))).toBe(false);
    expect(row?.master_key_id).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is refused a second time, whatever has become of it', async () => {
    const text = pem(p256());
    const { kid } = await take(text);
    await expect(take(text)).rejects.toMatchObject({ code: 'key_exists', message: expect.stringContaining(kid) });
    await keys.revoke(kid);
    await expect(take(text)).rejects.toMatchObject({ code: 'key_exists' });
    expect(await keys.read(kid)).toMatchObject({ state: 'revoked' });
  });

  it('of many that come at once is there once', async () => {
    const text = pem(p256());
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => take(text)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'key_exists' });
    }
  });

  it('of another issuer, by its public half, verifies until its tokens have expired, and never signs', async () => {
    const key = p256();
    await expect(take(pem(key), { state: 'retiring' })).rejects.toMatchObject({ code: 'public_key_expected' });
    const before = await keys.activeKid('ES256');
    const { kid, state } = await take(publicPem(key), { state: 'retiring' });
    expect(state).toBe('retiring');
    expect(await keys.published()).toContain(kid);
    expect((await b.nest.get(KeysService).refresh(kid))?.algorithm).toBe('ES256');
    expect(await keys.privateHalves([kid])).toEqual([]);
    expect(await keys.activeKid('ES256')).toBe(before);
    await keys.age(kid, 2 * 24 * 3600);
    await keys.tend();
    expect(await keys.read(kid)).toMatchObject({ state: 'retired' });
    expect(await keys.published()).not.toContain(kid);
  });

  it('that is weak leaves nothing behind', async () => {
    const rows = await database.query('SELECT kid FROM signing_keys');
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    await expect(take(pem(weak))).rejects.toMatchObject({ name: 'KeyRefused', code: 'rsa_size' });
    await expect(take(publicPem(p256()))).rejects.toMatchObject({ code: 'private_key_expected' });
    await expect(take(pem(p256()), { audience: 'urn:x' })).rejects.toMatchObject({ code: 'validation_failed' });
    expect(await database.query('SELECT kid FROM signing_keys')).toEqual(rows);
  });
});

describe('an imported HMAC secret', () => {
  beforeEach(async () => {
    await database.query(
      `INSERT INTO audiences (identifier, algorithm) VALUES ('urn:mine', 'HS256'), ('urn:shared', 'ES256')`,
    );
  });

  it('belongs to its audience, signs at once, and lets the one before retire', async () => {
    const secrets = [randomBytes(32), randomBytes(32)];
    const kids: string[] = [];
    for (const secret of secrets) {
      const { kid, state, algorithm } = await take(secret.toString('base64'), { audience: 'urn:mine' });
      expect([state, algorithm]).toEqual(['active', 'HS256']);
      kids.push(kid);
    }
    for (const [i, kid] of kids.entries()) {
      const key = await b.nest.get(KeysService).refresh(kid);
      expect([key?.audience, key?.key.export()]).toEqual(['urn:mine', secrets[i]]);
      expect(await keys.read(kid)).toMatchObject({ origin: 'imported', state: i === 0 ? 'retiring' : 'active' });
    }
    expect(await keys.published()).not.toEqual(expect.arrayContaining(kids));
    expect(await keys.trailOf(String(kids[1]))).toEqual(['key.imported by system']);
  });

  it.each<[string, number, KeyToImport, string]>([
    ['no audience', 32, {}, 'validation_failed'],
    ['an audience that is not there', 32, { audience: 'urn:nobody' }, 'not_found'],
    ['an audience of another algorithm', 32, { audience: 'urn:shared' }, 'validation_failed'],
    ['an audience of another length', 64, { audience: 'urn:mine' }, 'validation_failed'],
    ['an audience, but to be published', 32, { audience: 'urn:mine', state: 'pending' }, 'validation_failed'],
    ['an audience, but too short', 31, { audience: 'urn:mine' }, 'secret_too_short'],
    ['an audience, but only to verify', 32, { audience: 'urn:mine', state: 'retiring' }, 'malformed'],
  ])('for %s is refused', async (_, length, options, code) => {
    const rows = await database.query('SELECT kid FROM signing_keys');
    await expect(take(randomBytes(length).toString('base64'), options)).rejects.toMatchObject({ code });
    expect(await database.query('SELECT kid FROM signing_keys')).toEqual(rows);
  });
});

describe('an exported key', () => {
  it('comes back at another installation, and its taking is on record', async () => {
    const kid = await keys.activeKid('ES256');
    const { nest } = a;
    const text = await nest.get(KeyExport).privateHalf(kid, PASSPHRASE, SYSTEM);
    expect(await keys.trailOf(kid)).toContain('key.exported by system');
    const elsewhere = await createDatabase();
    const other = await startApp({ database: elsewhere, env: ENV });
    try {
      const taken = await other.nest.get(KeyImport).import(text, { passphrase: PASSPHRASE }, SYSTEM);
      expect(taken).toMatchObject({ kid, algorithm: 'ES256', state: 'pending' });
    } finally {
      await other.close();
      await elsewhere.drop();
    }
  });

  it('is public as it stands in the JWKS, private only while it signs', async () => {
    const kid = await keys.activeKid('ES256');
    const { nest, http } = a;
    const { pem: text, jwk } = await nest.get(KeyExport).publicHalf(kid);
    expect((await http.get<{ keys: unknown[] }>('/jwks.json')).body.keys).toEqual([jwk]);
    expect(createPublicKey(text).export({ format: 'jwk' })).toMatchObject({ x: jwk['x'], y: jwk['y'] });
    await expect(nest.get(KeyExport).privateHalf(kid, 'too short', SYSTEM)).rejects.toMatchObject({
      code: 'passphrase_weak',
    });
    expect(await keys.trailOf(kid)).not.toContain('key.exported by system');
    await keys.revoke(kid);
    await expect(nest.get(KeyExport).privateHalf(kid, PASSPHRASE, SYSTEM)).rejects.toMatchObject({
      code: 'key_signs_no_more',
    });
    await expect(nest.get(KeyExport).publicHalf('nobody')).rejects.toMatchObject({ code: 'not_found' });
  });
});
