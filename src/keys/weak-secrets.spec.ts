import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { assertStrongSecret, isPatterned } from './weak-secrets.js';

const strong = randomBytes(32);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('an HMAC secret', () => {
  it('of random bytes is taken, and so is one that was made of their text', () => {
    for (let i = 0; i < 1_000; i++) {
      const bytes = randomBytes(32 + (i % 33));
      for (const secret of [bytes, bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')]) {
        assertStrongSecret(Buffer.from(secret));
      }
    }
  });

  it('of 16 random bytes in hexadecimal, which people take for 32 bytes, is taken', () => {
    for (let i = 0; i < 1_000; i++) {
      assertStrongSecret(Buffer.from(randomBytes(16).toString('hex')));
    }
  });

  it.each([0, 1, 16, 31])('of %d bytes is too short', (length) => {
    expect(() => assertStrongSecret(randomBytes(length))).toThrow(
      expect.objectContaining({ code: 'secret_too_short' }),
    );
  });

  it('of very many bytes is refused', () => {
    expect(() => assertStrongSecret(randomBytes(513))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it.each([
    ['of one byte', Buffer.alloc(64, 9)],
    ['of two bytes', Buffer.from('01'.repeat(32))],
    ['that is repeated', Buffer.concat([strong.subarray(0, 16), strong.subarray(0, 16)])],
    ['that counts', Buffer.from(Array.from({ length: 32 }, (_, i) => i))],
    ['that counts down in steps', Buffer.from(Array.from({ length: 48 }, (_, i) => 255 - 3 * i))],
    ['of a word and its repetitions', Buffer.from('changeme'.repeat(8))],
    ['of one word', Buffer.from('secret'.padEnd(48, 'secret'))],
    ['of the alphabet', Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789')],
    ['of common words', Buffer.from('my-super-secret-jwt-signing-key-please-change-me')],
    ['of common words in capitals', Buffer.from('THIS_IS_A_VERY_LONG_SECRET_KEY_FOR_PRODUCTION_2024!')],
    ['of a sentence', Buffer.from('this is my custom Secret key for authentication')],
    ['of digits', Buffer.from('31415926535897932384626433832795')],
  ])('%s is guessable', (_, secret) => {
    expect(() => assertStrongSecret(secret)).toThrow(expect.objectContaining({ code: 'guessable' }));
  });

  it.each([
    ['SPKI', rsa.publicKey.export({ format: 'pem', type: 'spki' })],
    ['SPKI as DER', rsa.publicKey.export({ format: 'der', type: 'spki' })],
    ['PKCS#1 as DER', rsa.publicKey.export({ format: 'der', type: 'pkcs1' })],
    ['SPKI as base64', rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')],
    ['PEM as base64', Buffer.from(rsa.publicKey.export({ format: 'pem', type: 'spki' })).toString('base64')],
    ['a JWK', JSON.stringify(rsa.publicKey.export({ format: 'jwk' }))],
    ['a JWKS', JSON.stringify({ keys: [rsa.publicKey.export({ format: 'jwk' })] })],
    ['PKCS#8 as DER', generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })],
    [
      'SEC1 as DER',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'der', type: 'sec1' }),
    ],
    ['an SSH key', `ssh-rsa ${randomBytes(279).toString('base64')} me@example.org`],
  ])('that is a key (%s) is refused, since others may have it', (_, secret) => {
    expect(() => assertStrongSecret(Buffer.from(secret))).toThrow(expect.objectContaining({ code: 'secret_is_key' }));
  });

  it.each([
    'your-256-bit-secret',
    'a-string-secret-at-least-256-bits-long',
    '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  ])('that stands in examples (%s) is refused', (text) => {
    expect(() => assertStrongSecret(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'published' }));
  });

  it('that stands in an example is refused in its bytes too', () => {
    const rfc7515 = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';
    const hexadecimal = '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970';
    for (const secret of [
      Buffer.from(rfc7515, 'base64url'),
      Buffer.from(hexadecimal, 'base64'),
      Buffer.from(hexadecimal, 'hex'),
    ]) {
      expect(() => assertStrongSecret(secret)).toThrow(expect.objectContaining({ code: 'published' }));
    }
  });
});

describe('a pattern', () => {
  it('is not seen in random bytes', () => {
    for (let i = 0; i < 1_000; i++) expect(isPatterned(randomBytes(32 + (i % 35)))).toBe(false);
  });
});
