import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { CompactSign } from 'jose';
import {
  algorithmOf,
  verificationAlgorithmOf,
  verificationKey,
  verifySignature,
  type Algorithm,
} from './algorithms.js';
import { parseJws } from './jws.js';

// Keys and properties take long on a busy machine.
jest.setTimeout(60_000);

interface Case {
  algorithm: Algorithm;
  pss?: boolean;
  signWith: KeyObject;
  verifyWith: KeyObject;
}

const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsa3072 = generateKeyPairSync('rsa', { modulusLength: 3072 });
const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 });

const CASES: Case[] = [
  pair('RS256', rsa2048),
  pair('RS384', rsa3072),
  pair('RS512', rsa4096),
  { ...pair('PS256', rsa2048), pss: true },
  { ...pair('PS384', rsa3072), pss: true },
  { ...pair('PS512', rsa4096), pss: true },
  pair('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  pair('ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  pair('ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })),
  pair('EdDSA', generateKeyPairSync('ed25519')),
  secret('HS256', 32),
  secret('HS384', 48),
  secret('HS512', 64),
];

function pair(algorithm: Algorithm, keys: { privateKey: KeyObject; publicKey: KeyObject }): Case {
  return { algorithm, signWith: keys.privateKey, verifyWith: keys.publicKey };
}

function secret(algorithm: Algorithm, bytes: number): Case {
  const key = createSecretKey(randomBytes(bytes));
  return { algorithm, signWith: key, verifyWith: key };
}

/** jose is another implementation: what it signs must be good here. */
async function signedByJose({ algorithm, signWith }: Case): Promise<{ input: Buffer; signature: Buffer }> {
  const token = await new CompactSign(Buffer.from('{"sub":"u1"}'))
    .setProtectedHeader({ alg: algorithm })
    .sign(signWith);
  const { signingInput, signature } = parseJws(token);
  return { input: signingInput, signature };
}

describe.each(CASES)('$algorithm', (keyCase) => {
  const { algorithm, pss = false, signWith, verifyWith } = keyCase;

  it('is the one algorithm of its key, private or public', () => {
    expect(algorithmOf(verifyWith, { pss })).toBe(algorithm);
    expect(algorithmOf(signWith, { pss })).toBe(algorithm);
  });

  it('verifies what another implementation signed', async () => {
    const { input, signature } = await signedByJose(keyCase);
    expect(verifySignature(algorithm, verifyWith, input, signature)).toBe(true);
  });

  it('refuses another content, another key and another algorithm', async () => {
    const { input, signature } = await signedByJose(keyCase);
    expect(verifySignature(algorithm, verifyWith, Buffer.concat([input, Buffer.from('x')]), signature)).toBe(false);
    for (const other of CASES) {
      if (other.algorithm === algorithm) continue;
      expect(verifySignature(other.algorithm, other.verifyWith, input, signature)).toBe(false);
    }
  });

  it('refuses a signature with any bit changed, and any other length', async () => {
    const { input, signature } = await signedByJose(keyCase);
    fc.assert(
      fc.property(fc.nat(signature.length * 8 - 1), (bit) => {
        const changed = Buffer.from(signature);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return !verifySignature(algorithm, verifyWith, input, changed);
      }),
      { numRuns: 50 },
    );
    for (const wrong of [
      Buffer.alloc(0),
      signature.subarray(1),
      signature.subarray(0, -1),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), signature]),
    ]) {
      expect(verifySignature(algorithm, verifyWith, input, wrong)).toBe(false);
    }
  });
});

describe('ECDSA', () => {
  it.each(CASES.filter(({ algorithm }) => algorithm.startsWith('ES')))(
    'refuses a zero r or s ($algorithm)',
    async (keyCase) => {
      const { input, signature } = await signedByJose(keyCase);
      const half = signature.length / 2;
      const { algorithm, verifyWith } = keyCase;
      expect(verifySignature(algorithm, verifyWith, input, Buffer.alloc(signature.length))).toBe(false);
      expect(verifySignature(algorithm, verifyWith, input, Buffer.from(signature).fill(0, 0, half))).toBe(false);
      expect(verifySignature(algorithm, verifyWith, input, Buffer.from(signature).fill(0, half))).toBe(false);
    },
  );
});

describe('keys between the sizes of the table', () => {
  it.each([
    [32, 'HS256'],
    [47, 'HS256'],
    [63, 'HS384'],
    [200, 'HS512'],
  ])('a secret of %d bytes signs with %s', (bytes, algorithm) => {
    expect(algorithmOf(createSecretKey(randomBytes(bytes)))).toBe(algorithm);
  });
});

describe('a key that only verifies', () => {
  const others = (algorithm: Algorithm): Algorithm[] =>
    CASES.map((one) => one.algorithm).filter((one) => one !== algorithm && one.slice(0, 2) !== algorithm.slice(0, 2));

  it.each<[Algorithm, KeyObject]>([
    ['RS256', rsa4096.publicKey],
    ['RS512', rsa2048.publicKey],
    ['PS256', rsa3072.publicKey],
    ['HS256', createSecretKey(randomBytes(64))],
  ])('is for %s when its record names that', (algorithm, key) => {
    expect(verificationAlgorithmOf(key, algorithm)).toBe(algorithm);
    expect(verificationKey('k', key, { alg: algorithm, audience: 'a' }).algorithm).toBe(algorithm);
    expect(verificationAlgorithmOf(key)).toBe(algorithmOf(key));
  });

  it('verifies by no algorithm of another kind, curve or hash than its own, and by none that is none', () => {
    for (const { algorithm, verifyWith } of CASES) {
      const kin = /^(RS|PS)/.test(algorithm) ? /^(RS|PS)/ : new RegExp(`^${algorithm.slice(0, 2)}`);
      for (const other of others(algorithm)) {
        if (kin.test(other)) expect(verificationAlgorithmOf(verifyWith, other)).toBe(other);
        else expect(() => verificationAlgorithmOf(verifyWith, other)).toThrow(TypeError);
      }
      for (const none of ['none', '', 'rs256', 256, null, {}, ['RS256'], '__proto__'])
        expect(() => verificationAlgorithmOf(verifyWith, none)).toThrow(TypeError);
    }
    const [p256, p384] = ['P-256', 'P-384'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve }).publicKey);
    expect(() => verificationAlgorithmOf(p256 as KeyObject, 'ES384')).toThrow(TypeError);
    expect(() => verificationAlgorithmOf(p384 as KeyObject, 'ES256')).toThrow(TypeError);
    expect(() => verificationAlgorithmOf(createSecretKey(randomBytes(32)), 'HS384')).toThrow(TypeError);
  });

  it('verifies what another implementation signed with RS256 and a long key, and not as RS512', async () => {
    const keyCase = { algorithm: 'RS256' as const, signWith: rsa4096.privateKey, verifyWith: rsa4096.publicKey };
    const { input, signature } = await signedByJose(keyCase);
    expect(verifySignature('RS256', rsa4096.publicKey, input, signature)).toBe(true);
    expect(verifySignature('RS512', rsa4096.publicKey, input, signature)).toBe(false);
  });
});

describe('keys that are refused', () => {
  const tooWeak: [string, () => KeyObject][] = [
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['RSA with exponent 3', () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey],
    ['RSA-PSS with parameters of its own', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey],
    ['EC on secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey],
    ['Ed448', () => generateKeyPairSync('ed448').publicKey],
    ['X25519', () => generateKeyPairSync('x25519').publicKey],
    ['a secret of 31 bytes', () => createSecretKey(randomBytes(31))],
  ];

  it.each(tooWeak)('%s', (_name, make) => {
    expect(() => algorithmOf(make())).toThrow(TypeError);
  });

  it('PSS with anything but RSA', () => {
    expect(() => algorithmOf(createSecretKey(randomBytes(32)), { pss: true })).toThrow('only RSA');
    expect(() => algorithmOf(generateKeyPairSync('ed25519').publicKey, { pss: true })).toThrow('only RSA');
  });

  it('an HMAC key that belongs to no audience', () => {
    const key = createSecretKey(randomBytes(32));
    expect(() => verificationKey('k1', key)).toThrow('one audience');
    expect(verificationKey('k1', key, { audience: 'urn:a' })).toMatchObject({ algorithm: 'HS256', audience: 'urn:a' });
  });
});
