import { createPublicKey, type KeyObject } from 'node:crypto';
import { encryptPkcs8 } from './encrypted-pkcs8.js';
import { KeyRefused } from './key-refused.js';
import { writePem } from './pem.js';
import type { JsonWebKeyRecord } from './signing-key.entity.js';

/** Characters. */
export const LEAST_PASSPHRASE = 12;

/** The public half as SPKI (RFC 5280 section 4.1.2.7) in PEM. */
export function publicKeyPem(publicJwk: JsonWebKeyRecord): string {
  return createPublicKey({ key: publicJwk, format: 'jwk' }).export({ format: 'pem', type: 'spki' }) as string;
}

/** The public half as it stands in the JWKS. */
export function publicKeyJwk(key: { kid: string; algorithm: string; publicJwk: JsonWebKeyRecord }): JsonWebKeyRecord {
  return { ...key.publicJwk, kid: key.kid, alg: key.algorithm, use: 'sig' };
}

/**
 * The private half as PKCS#8 in PEM, encrypted with AES-256-CBC under a key from the passphrase (PBKDF2 with SHA-256, 600,000 iterations). There is no
 * other form.
 *
 * @throws KeyRefused `passphrase_weak` for fewer than 12 characters; `unsupported_type` for an HMAC secret, which PKCS#8 has no form for
 */
export async function privateKeyPem(privateKey: KeyObject, passphrase: string): Promise<string> {
  if (privateKey.type !== 'private')
    throw new KeyRefused('unsupported_type', 'An HMAC secret is shown once, when it is made, and is not exported.');
  if (Array.from(passphrase).length < LEAST_PASSPHRASE) {
    throw new KeyRefused('passphrase_weak', `The passphrase must have at least ${LEAST_PASSPHRASE} characters.`);
  }
  const der = await encryptPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }), passphrase);
  return writePem({ label: 'ENCRYPTED PRIVATE KEY', der });
}
