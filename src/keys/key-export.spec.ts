import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { exportSPKI, importJWK, importSPKI, type JWK } from 'jose';
import { privateKeyPem, publicKeyJwk, publicKeyPem } from './key-export.js';
import { generateSigningKey } from './key-generation.js';
import { importKey, importPublicKey } from './key-import.js';

const PASSPHRASE = 'twelve chars';

describe.each(['PS256', 'ES256', 'ES512', 'EdDSA'] as const)('a key for %s', (algorithm) => {
  it('is exported by its public half, which other libraries read', async () => {
    const key = await generateSigningKey(algorithm);
    const jwk = publicKeyJwk(key);
    expect(jwk).toEqual({ ...key.publicJwk, kid: key.kid, alg: algorithm, use: 'sig' });
    const text = publicKeyPem(key.publicJwk);
    expect(await exportSPKI(await importSPKI(text, algorithm, { extractable: true }))).toBe(text.trim());
    expect(await importJWK(jwk as JWK)).toMatchObject({ type: 'public' });
    expect(importPublicKey(JSON.stringify(jwk))).toMatchObject({ kid: key.kid, algorithm });
  });

  it('is exported by its private half only encrypted, and comes back', async () => {
    const { kid, privateKey } = await generateSigningKey(algorithm);
    const text = await privateKeyPem(privateKey, PASSPHRASE);
    expect(text).toMatch(
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END ENCRYPTED PRIVATE KEY-----\n$/,
    );
    expect(createPrivateKey({ key: text, passphrase: PASSPHRASE }).equals(privateKey)).toBe(true);
    const imported = await importKey(text, { passphrase: PASSPHRASE, pss: algorithm === 'PS256' });
    expect(imported).toMatchObject({ kid, algorithm });
    expect(imported.privateKey.equals(privateKey)).toBe(true);
  });
});

describe('a private half', () => {
  const { privateKey } = generateKeyPairSync('ed25519');

  it.each(['', 'eleven char', '🔒'.repeat(11)])('is not exported under %j', async (passphrase) => {
    await expect(privateKeyPem(privateKey, passphrase)).rejects.toMatchObject({ code: 'passphrase_weak' });
  });

  it('is encrypted otherwise each time', async () => {
    expect(await privateKeyPem(privateKey, PASSPHRASE)).not.toBe(await privateKeyPem(privateKey, PASSPHRASE));
  });

  it('is what is exported: neither secrets nor public keys are', async () => {
    for (const key of [createSecretKey(randomBytes(32)), createPublicKey(privateKey)]) {
      await expect(privateKeyPem(key, PASSPHRASE)).rejects.toMatchObject({ code: 'unsupported_type' });
    }
  });
});
