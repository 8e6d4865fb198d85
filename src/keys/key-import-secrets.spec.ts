import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { importKey, importPublicKey } from './key-import.js';
import { KeyRefused } from './key-refused.js';

describe('an HMAC secret', () => {
  it.each([
    [32, 'HS256'],
    [47, 'HS256'],
    [48, 'HS384'],
    [63, 'HS384'],
    [64, 'HS512'],
    [96, 'HS512'],
  ])('of %d bytes is for %s, under another name each time', async (length, algorithm) => {
    const secret = randomBytes(length);
    const texts = [
      secret.toString('base64'),
      secret.toString('base64url'),
      `\n${secret.toString('base64').replace(/=+$/, '')}\n`,
      JSON.stringify({ kty: 'oct', k: secret.toString('base64url'), alg: algorithm, key_ops: ['sign', 'verify'] }),
    ];
    const imported = await Promise.all(texts.map((text) => importKey(text)));
    for (const key of imported) {
      expect(key).toMatchObject({ algorithm, publicJwk: null });
      expect(key.privateKey.export()).toEqual(secret);
    }
    expect(new Set(imported.map(({ kid }) => kid)).size).toBe(texts.length);
  });

  it.each([
    ['hexadecimal digits', randomBytes(32).toString('hex'), 'malformed'],
    ['not base64', 'correct horse battery staple!', 'malformed'],
    ['base64 of two alphabets', '-_+/'.repeat(16), 'malformed'],
    ['base64 with bits left over', `${'A'.repeat(42)}B`, 'malformed'],
    ['too short', randomBytes(31).toString('base64'), 'secret_too_short'],
    ['from jwt.io', 'your-256-bit-secret', 'published'],
    ['from jwt.io, as base64', Buffer.from('a-string-secret-at-least-256-bits-long').toString('base64'), 'published'],
    ['from RFC 7520', '{"kty":"oct","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}', 'published'],
    ['one word', Buffer.from('changeme'.repeat(5)).toString('base64'), 'guessable'],
    [
      'for another algorithm',
      JSON.stringify({ kty: 'oct', alg: 'HS256', k: randomBytes(64).toString('base64url') }),
      'wrong_algorithm',
    ],
    [
      'for RSA',
      JSON.stringify({ kty: 'oct', alg: 'RS256', k: randomBytes(64).toString('base64url') }),
      'wrong_algorithm',
    ],
    ['without its bytes', '{"kty":"oct"}', 'malformed'],
  ])('that is %s is refused', async (_, text, code) => {
    await expect(importKey(text)).rejects.toMatchObject({ code });
    expect(() => importPublicKey(text)).toThrow(KeyRefused);
  });

  it('that is a public key is refused, whichever way it is wrapped up', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const text = publicKey.export({ format: 'pem', type: 'spki' });
    for (const secret of [spki.toString('base64'), Buffer.from(text).toString('base64')]) {
      await expect(importKey(secret)).rejects.toMatchObject({ code: 'secret_is_key' });
      const k = Buffer.from(secret, 'base64').toString('base64url');
      await expect(importKey(JSON.stringify({ kty: 'oct', k }))).rejects.toMatchObject({ code: 'secret_is_key' });
    }
  });
});
