import { createPublicKey, generateKeyPairSync, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { importKey, importPublicKey } from './key-import.js';

const PASSPHRASE = 'correct horse battery staple';

interface Kind {
  name: string;
  algorithm: string;
  make: () => KeyObject;
}

const rsa = (modulusLength: number) => (): KeyObject => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const ec = (namedCurve: string) => (): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;

const KINDS: Kind[] = [
  { name: 'RSA 2048', algorithm: 'RS256', make: rsa(2048) },
  { name: 'RSA 3072', algorithm: 'RS384', make: rsa(3072) },
  { name: 'RSA 4096', algorithm: 'RS512', make: rsa(4096) },
  { name: 'P-256', algorithm: 'ES256', make: ec('P-256') },
  { name: 'P-384', algorithm: 'ES384', make: ec('P-384') },
  { name: 'P-521', algorithm: 'ES512', make: ec('P-521') },
  { name: 'Ed25519', algorithm: 'EdDSA', make: () => generateKeyPairSync('ed25519').privateKey },
];

const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' | 'spki'): string =>
  type === 'spki'
    ? (createPublicKey(key).export({ format: 'pem', type }) as string)
    : (key.export({ format: 'pem', type } as never) as unknown as string);
const jwk = (key: KeyObject): JsonWebKey => key.export({ format: 'jwk' });

describe.each(KINDS)('a key of $name', ({ algorithm, make }) => {
  let key: KeyObject;
  let spki: string;
  beforeAll(() => {
    key = make();
    spki = pem(key, 'spki');
  });

  it('is taken in every form, for the algorithm that its kind and length say, under its thumbprint', async () => {
    const forms = [
      pem(key, 'pkcs8'),
      `Bag Attributes\r\n${pem(key, 'pkcs8').replaceAll('\n', '\r\n')}`,
      ...(key.asymmetricKeyType === 'rsa' ? [pem(key, 'pkcs1')] : []),
      ...(key.asymmetricKeyType === 'ec' ? [pem(key, 'sec1')] : []),
      JSON.stringify(jwk(key)),
      JSON.stringify({ ...jwk(key), alg: algorithm, use: 'sig', key_ops: ['sign'], kid: 'another name', x5t: 'x' }),
    ];
    const kid = await calculateJwkThumbprint(jwk(createPublicKey(key)));
    // Each import of a long RSA key tests two long primes.
    const isLong = ['RS384', 'RS512'].includes(algorithm);
    for (const form of isLong ? forms.slice(-1) : forms) {
      const imported = await importKey(form);
      expect(imported).toMatchObject({ kid, algorithm, publicJwk: jwk(createPublicKey(key)) });
      expect(imported.privateKey.equals(key)).toBe(true);
    }
  });

  it('is taken encrypted', async () => {
    const encrypted = key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: PASSPHRASE });
    const { privateKey } = await importKey(encrypted as string, { passphrase: PASSPHRASE });
    expect(privateKey.equals(key)).toBe(true);
    await expect(importKey(encrypted as string)).rejects.toMatchObject({ code: 'passphrase_missing' });
    await expect(importKey(encrypted as string, { passphrase: 'another' })).rejects.toMatchObject({
      code: 'passphrase_wrong',
    });
  });

  it('is taken by its public half where only that is wanted, and only there', async () => {
    const publicJwk = jwk(createPublicKey(key));
    for (const form of [spki, JSON.stringify({ ...publicJwk, key_ops: ['verify'], alg: algorithm })]) {
      const imported = importPublicKey(form);
      expect(imported).toMatchObject({ algorithm, publicJwk });
      expect(imported.key.equals(createPublicKey(key))).toBe(true);
    }
    await expect(importKey(spki)).rejects.toMatchObject({ code: 'private_key_expected' });
    for (const form of [pem(key, 'pkcs8'), JSON.stringify(jwk(key))]) {
      expect(() => importPublicKey(form)).toThrow(expect.objectContaining({ code: 'public_key_expected' }));
    }
  });

  it('signs once imported', async () => {
    const { privateKey, publicJwk } = await importKey(pem(key, 'pkcs8'));
    const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    const signature = sign(digest, Buffer.from('text'), privateKey);
    const publicKey = createPublicKey({ key: publicJwk as JsonWebKey, format: 'jwk' });
    expect(verify(digest, Buffer.from('text'), publicKey, signature)).toBe(true);
  });
});

describe('what a JWK says about its use', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  it.each([
    ['for another algorithm', { alg: 'HS256' }, 'wrong_algorithm'],
    ['for encryption, by its algorithm', { alg: 'RSA-OAEP' }, 'wrong_algorithm'],
    ['for no algorithm', { alg: 'none' }, 'wrong_algorithm'],
    ['for encryption', { use: 'enc' }, 'wrong_use'],
    ['for verification only', { key_ops: ['verify'] }, 'wrong_use'],
    ['for nothing', { key_ops: [] }, 'wrong_use'],
    ['for encryption as well', { key_ops: ['sign', 'encrypt'] }, 'wrong_use'],
    ['said twice', { key_ops: ['sign', 'sign'] }, 'malformed'],
    ['no list', { key_ops: 'sign' }, 'malformed'],
    ['no text', { alg: 256 }, 'malformed'],
  ])('is refused when it is %s', async (_, members, code) => {
    await expect(importKey(JSON.stringify({ ...jwk(key), ...members }))).rejects.toMatchObject({ code });
  });
});

describe('an RSA key', () => {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

  it('signs with PSS where that is asked for, or its JWK says so', async () => {
    expect((await importKey(pem(key, 'pkcs8'), { pss: true })).algorithm).toBe('PS256');
    expect((await importKey(JSON.stringify({ ...jwk(key), alg: 'PS256' }))).algorithm).toBe('PS256');
    expect(importPublicKey(pem(key, 'spki'), { pss: true }).algorithm).toBe('PS256');
    await expect(importKey(JSON.stringify({ ...jwk(key), alg: 'PS256' }), { pss: false })).rejects.toMatchObject({
      code: 'wrong_algorithm',
    });
    await expect(importKey(JSON.stringify({ ...jwk(key), alg: 'RS256' }), { pss: true })).rejects.toMatchObject({
      code: 'wrong_algorithm',
    });
    await expect(importKey(JSON.stringify({ ...jwk(key), alg: 'RS512' }))).rejects.toMatchObject({
      code: 'wrong_algorithm',
    });
  });

  it('may be given as PKCS#1 where it is public', () => {
    const pkcs1 = createPublicKey(key).export({ format: 'pem', type: 'pkcs1' }) as string;
    expect(importPublicKey(pkcs1).algorithm).toBe('RS256');
  });

  it.each(['p', 'q', 'dp', 'dq', 'qi', 'd', 'n', 'e'])('is refused when its JWK lacks %s', async (member) => {
    await expect(importKey(JSON.stringify({ ...jwk(key), [member]: undefined }))).rejects.toMatchObject({
      code: 'malformed',
    });
  });

  it('is refused in a JWK with more primes, with leading zeros, with padding or in another base64', async () => {
    const { n = '' } = jwk(key);
    await expect(importKey(JSON.stringify({ ...jwk(key), oth: [] }))).rejects.toMatchObject({
      code: 'unsupported_type',
    });
    for (const spelling of [`AA${n}`, `${n}=`, Buffer.from(n, 'base64url').toString('base64'), ` ${n}`]) {
      await expect(importKey(JSON.stringify({ ...jwk(key), n: spelling }))).rejects.toMatchObject({
        code: expect.stringMatching(/malformed|inconsistent/),
      });
    }
  });

  it('as RSASSA-PSS is not taken', async () => {
    const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    await expect(importKey(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)).rejects.toMatchObject({
      code: 'unsupported_type',
    });
  });
});

describe('an EC key', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  it.each(['P-384', 'P-521', 'secp256k1', 'Ed25519', 'p-256', undefined])(
    'is refused when its JWK says %s',
    async (crv) => {
      await expect(importKey(JSON.stringify({ ...jwk(key), crv }))).rejects.toMatchObject({
        code: expect.stringMatching(/unsupported_curve|inconsistent/),
      });
    },
  );

  it('is refused when its point is not on the curve, is another one, or is not of full length', async () => {
    const other = jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const { x, y } = jwk(key);
    const short = Buffer.from(y ?? '', 'base64url').subarray(1);
    for (const members of [{ y: x }, { x: other.x, y: other.y }, { y: short.toString('base64url') }, { y: `AA${y}` }]) {
      await expect(importKey(JSON.stringify({ ...jwk(key), ...members }))).rejects.toMatchObject({
        code: expect.stringMatching(/inconsistent|malformed/),
      });
    }
    const offCurve = JSON.stringify({ ...jwk(key), d: undefined, y: x });
    expect(() => importPublicKey(offCurve)).toThrow(expect.objectContaining({ code: 'inconsistent' }));
  });

  it('with the public half of another key in its file is refused', async () => {
    const der = key.export({ format: 'der', type: 'sec1' });
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      format: 'der',
      type: 'spki',
    });
    const mixed = Buffer.concat([der.subarray(0, -64), stranger.subarray(-64)]);
    const text = `-----BEGIN EC PRIVATE KEY-----\n${mixed.toString('base64')}\n-----END EC PRIVATE KEY-----`;
    await expect(importKey(text)).rejects.toMatchObject({ code: 'inconsistent' });
  });

  it('may follow its parameters, as openssl ecparam writes it', async () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    expect((await importKey(parameters + pem(key, 'sec1'))).algorithm).toBe('ES256');
  });

  it('is refused when it spells its curve out', async () => {
    const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey;
    for (const type of ['pkcs8', 'sec1'] as const)
      await expect(importKey(pem(explicit, type))).rejects.toMatchObject({ code: 'unsupported_curve' });
  });
});

describe('an Ed25519 key', () => {
  const key = generateKeyPairSync('ed25519').privateKey;

  it('is refused when its halves do not belong together', async () => {
    const other = jwk(generateKeyPairSync('ed25519').privateKey);
    await expect(importKey(JSON.stringify({ ...jwk(key), x: other.x }))).rejects.toMatchObject({
      code: 'inconsistent',
    });
  });

  it('may be named as RFC 9864 does', async () => {
    expect((await importKey(JSON.stringify({ ...jwk(key), alg: 'Ed25519' }))).algorithm).toBe('EdDSA');
  });
});
