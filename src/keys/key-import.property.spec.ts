import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { importKey, importPublicKey } from './key-import.js';
import { KeyRefused } from './key-refused.js';

jest.setTimeout(120_000);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
const okp = generateKeyPairSync('ed25519').privateKey;

const passphrase = 'correct horse battery staple';
const TEXTS = [
  ...[rsa, ec, okp].flatMap((key) => [
    key.export({ format: 'pem', type: 'pkcs8' }) as string,
    JSON.stringify(key.export({ format: 'jwk' })),
    createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string,
    JSON.stringify(createPublicKey(key).export({ format: 'jwk' })),
  ]),
  okp.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }) as string,
];

const IMPORTS = [(text: string) => importKey(text, { passphrase }), (text: string) => importPublicKey(text)];

/** Taken as one of the three keys, or refused with a reason: nothing else may come of any text. */
async function judge(text: string): Promise<void> {
  for (const take of IMPORTS) {
    try {
      const { algorithm } = await take(text);
      expect(algorithm).toMatch(/^(RS256|ES384|EdDSA|HS256|HS384|HS512)$/);
    } catch (error) {
      expect(error).toBeInstanceOf(KeyRefused);
      expect((error as KeyRefused).code).not.toBe('');
    }
  }
}

describe('whatever is imported', () => {
  it('is a key or is refused: any text', async () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.base64String({ maxLength: 200 }), fc.json());
    await fc.assert(fc.asyncProperty(text, judge), { numRuns: 500 });
  });

  it('is a key or is refused: bytes under every label', async () => {
    const labels = [
      'PRIVATE KEY',
      'ENCRYPTED PRIVATE KEY',
      'RSA PRIVATE KEY',
      'EC PRIVATE KEY',
      'PUBLIC KEY',
      'RSA PUBLIC KEY',
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...labels), fc.uint8Array({ maxLength: 300 }), async (label, bytes) => {
        await judge(`-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label}-----\n`);
      }),
      { numRuns: 300 },
    );
  });

  it('is a key or is refused: a key with a few characters changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...TEXTS),
        fc.nat(),
        fc.string({ maxLength: 3 }),
        fc.nat(3),
        async (text, at, put, gone) => {
          const start = at % text.length;
          await judge(text.slice(0, start) + put + text.slice(start + gone));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is a key or is refused: a JWK with other members', async () => {
    const members = [
      'kty',
      'crv',
      'n',
      'e',
      'd',
      'p',
      'q',
      'dp',
      'dq',
      'qi',
      'x',
      'y',
      'k',
      'alg',
      'use',
      'key_ops',
      'oth',
      '__proto__',
    ];
    const value = fc.oneof(
      fc.constantFrom('RSA', 'EC', 'OKP', 'oct', 'P-256', 'P-384', 'Ed25519', 'AQAB', 'AA', 'sig', 'RS256', 'HS256'),
      fc.jsonValue({ maxDepth: 2 }),
      fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    );
    const jwks = [rsa, ec, okp].map((key) => key.export({ format: 'jwk' }));
    const changes = fc.dictionary(fc.constantFrom(...members), value, { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom({}, ...jwks), changes, (jwk, changed) =>
        judge(JSON.stringify({ ...jwk, ...changed })),
      ),
      { numRuns: 300 },
    );
  });
});
