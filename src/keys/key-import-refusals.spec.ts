import { createPrivateKey, generateKeyPairSync, randomBytes, type JsonWebKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { importKey } from './key-import.js';

const jwk = (key: KeyObject): JsonWebKey => key.export({ format: 'jwk' });

describe('other keys', () => {
  const pkcs8 = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string;
  const der = (label: string, bytes: Buffer): string =>
    `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`;
  const good = generateKeyPairSync('ed25519').privateKey;

  it.each([
    ['X25519', () => pkcs8(generateKeyPairSync('x25519').privateKey), 'unsupported_type'],
    ['Ed448', () => pkcs8(generateKeyPairSync('ed448').privateKey), 'unsupported_type'],
    ['X448', () => pkcs8(generateKeyPairSync('x448').privateKey), 'unsupported_type'],
    [
      'DSA',
      () => pkcs8(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey),
      'unsupported_type',
    ],
    ['secp256k1', () => pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), 'unsupported_curve'],
    ['P-224', () => pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).privateKey), 'unsupported_curve'],
    [
      'brainpool',
      () => pkcs8(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey),
      'unsupported_curve',
    ],
    [
      'Ed448 as a JWK',
      () => JSON.stringify(generateKeyPairSync('ed448').privateKey.export({ format: 'jwk' })),
      'unsupported_curve',
    ],
    [
      'X25519 as a JWK',
      () => JSON.stringify(generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })),
      'unsupported_curve',
    ],
    ['an unknown kty', () => '{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}', 'unsupported_type'],
    ['a JWK without kty', () => '{"k":"AA"}', 'unsupported_type'],
    ['a JWKS', () => JSON.stringify({ keys: [jwk(good)] }), 'malformed'],
    ['a certificate', () => der('CERTIFICATE', randomBytes(90)), 'unsupported_format'],
    ['an OpenSSH key', () => der('OPENSSH PRIVATE KEY', randomBytes(90)), 'unsupported_format'],
    ['an old DSA key', () => der('DSA PRIVATE KEY', randomBytes(90)), 'unsupported_type'],
    [
      'an old encryption',
      () =>
        '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----',
      'unsupported_encryption',
    ],
    ['two keys', () => pkcs8(good) + pkcs8(good), 'malformed'],
    ['a key under the wrong name', () => pkcs8(good).replaceAll('PRIVATE KEY', 'RSA PRIVATE KEY'), 'malformed'],
    [
      'a key with something behind it',
      () => der('PRIVATE KEY', Buffer.concat([good.export({ format: 'der', type: 'pkcs8' }), Buffer.from([5, 0])])),
      'malformed',
    ],
    ['half a PEM', () => pkcs8(good).slice(0, 60), 'malformed'],
    ['nothing', () => ' \n', 'malformed'],
    ['very much', () => 'A'.repeat(16_385), 'malformed'],
    ['a list', () => '{"kty"', 'malformed'],
    [
      'a published key',
      () =>
        JSON.stringify({
          kty: 'OKP',
          crv: 'Ed25519',
          d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        }),
      'published',
    ],
  ])('%s: refused', async (_, make, code) => {
    await expect(importKey(make())).rejects.toMatchObject({ name: 'KeyRefused', code });
  });

  it('are taken beside keys of the same text, so that the refusals above are about the key', async () => {
    expect((await importKey(pkcs8(createPrivateKey(pkcs8(good))))).algorithm).toBe('EdDSA');
  });

  it('never have anything of themselves in the message', async () => {
    const { d = '' } = jwk(good);
    const texts = [JSON.stringify({ ...jwk(good), alg: d }), JSON.stringify({ ...jwk(good), crv: d, use: d }), `${d}!`];
    for (const text of texts) await expect(importKey(text)).rejects.not.toThrow(d);
  });
});
