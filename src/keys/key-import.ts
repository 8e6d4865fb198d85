import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { Algorithm } from '@portcullis/verifier';
import { randomSecret } from '../common/secrets.js';
import { signingAlgorithm, verificationAlgorithm, type VerificationWish } from './key-algorithm.js';
import { thumbprint } from './key-generation.js';
import { readKeyMaterial, readPublicMaterial } from './key-material.js';
import { KeyRefused } from './key-refused.js';
import type { DeclaredUse } from './jwk-material.js';
import { isPublishedKey } from './published-keys.js';
import type { JsonWebKeyRecord } from './signing-key.entity.js';
import { assertSoundEd25519PublicKey, assertStrongCurvePrivateKey } from './weak-curve-keys.js';
import { assertStrongRsaPrivateKey, assertStrongRsaPublicKey } from './weak-rsa-keys.js';
import { assertStrongSecret } from './weak-secrets.js';

/** A key that signs. */
export interface ImportedKey {
  /** RFC 7638 thumbprint; for an HMAC secret a random name, since one that followed from the secret would help to guess it. */
  kid: string;
  algorithm: Algorithm;
  /** Null for an HMAC secret. */
  publicJwk: JsonWebKeyRecord | null;
  /** Or the secret. */
  privateKey: KeyObject;
}

/** A key that only verifies. */
export interface ImportedPublicKey {
  kid: string;
  algorithm: Algorithm;
  publicJwk: JsonWebKeyRecord;
  key: KeyObject;
}

export interface ImportOptions {
  /** For an encrypted private key. */
  passphrase?: string | undefined;
  /** RSA only: PS256 and so on in place of RS256. Without it, a JWK may ask for it by its `alg`. */
  pss?: boolean | undefined;
}

/**
 * Takes a private key or an HMAC secret: PEM (PKCS#8, also encrypted with AES-256-CBC; PKCS#1; SEC1), a private JWK, or a secret in base64. Its kind and
 * length say its algorithm, and what a JWK says about itself must agree.
 *
 * @throws KeyRefused
 */
export async function importKey(text: string, { passphrase, pss }: ImportOptions = {}): Promise<ImportedKey> {
  const material = await readKeyMaterial(text, passphrase);
  if (material.kind === 'public') {
    throw new KeyRefused('private_key_expected', 'This is a public key; a private key or a secret is needed to sign.');
  }
  assertUse(material.declared, 'sign');
  return material.kind === 'secret'
    ? importSecret(material.bytes, material.declared, pss)
    : importPrivateKey(material.key, material.declared, pss);
}

/**
 * Takes a public key: PEM (SPKI, PKCS#1) or a public JWK. It will only verify, so that an RSA key of any length may be for any hash.
 *
 * @throws KeyRefused
 */
export function importPublicKey(text: string, wish: VerificationWish = {}): ImportedPublicKey {
  const { key: given, declared } = readPublicMaterial(text);
  assertUse(declared, 'verify');
  const named = namedPublicKey(given);
  const key = createPublicKey({ key: named.publicJwk, format: 'jwk' });
  assertStrongPublicKey(key);
  return { ...named, algorithm: verificationAlgorithm(key, declared, wish), key };
}

/**
 * Takes whatever there is of a key to verify with: its public half, its private half, of which only the public one is used, or an HMAC secret.
 *
 * @throws KeyRefused
 */
export async function importVerificationKey(
  text: string,
  algorithms?: readonly Algorithm[],
): Promise<{ kid: string; algorithm: Algorithm; key: KeyObject }> {
  const material = await readKeyMaterial(text, undefined);
  const { declared } = material;
  if (material.kind === 'public') return importPublicKey(text, { algorithms });
  // What the half that is here may do, its public half or its owner may verify.
  assertUse(declared, declared.keyOps?.includes('verify') === true ? 'verify' : 'sign');
  if (material.kind === 'secret') {
    assertStrongSecret(material.bytes);
    const key = createSecretKey(material.bytes);
    return { kid: randomSecret(), algorithm: verificationAlgorithm(key, declared, { algorithms }), key };
  }
  assertSupported(material.key);
  await assertStrongPrivateKey(material.key);
  const { kid, publicJwk } = namedPublicKey(createPublicKey(material.key));
  const key = createPublicKey({ key: publicJwk, format: 'jwk' });
  return { kid, algorithm: verificationAlgorithm(key, declared, { algorithms }), key };
}

function importSecret(secret: Buffer, declared: DeclaredUse, pss: boolean | undefined): ImportedKey {
  assertStrongSecret(secret);
  const privateKey = createSecretKey(secret);
  return { kid: randomSecret(), algorithm: signingAlgorithm(privateKey, declared, pss), publicJwk: null, privateKey };
}

async function importPrivateKey(
  given: KeyObject,
  declared: DeclaredUse,
  pss: boolean | undefined,
): Promise<ImportedKey> {
  assertSupported(given);
  await assertStrongPrivateKey(given);
  const named = namedPublicKey(createPublicKey(given));
  // Made anew from its numbers, so that nothing else that a file may hold goes on living: such as attributes.
  const privateKey = createPrivateKey({ key: given.export({ format: 'jwk' }), format: 'jwk' });
  return { ...named, algorithm: signingAlgorithm(privateKey, declared, pss), privateKey };
}

/** Refuses kinds that no algorithm is for before anything is computed with them. */
function namedPublicKey(key: KeyObject): { kid: string; publicJwk: JsonWebKeyRecord } {
  assertSupported(key);
  const publicJwk = key.export({ format: 'jwk' }) as JsonWebKeyRecord;
  const kid = thumbprint(publicJwk);
  if (isPublishedKey(kid))
    throw new KeyRefused('published', 'This key is known to everyone: it stands in examples, with its private half.');
  return { kid, publicJwk };
}

function assertSupported(key: KeyObject): void {
  const { asymmetricKeyType: type } = key;
  switch (type) {
    case 'rsa':
    case 'ed25519':
      return;
    case 'ec':
      assertSupportedCurve(key.asymmetricKeyDetails?.namedCurve ?? 'a curve of their own');
      return;
    case 'rsa-pss':
      throw new KeyRefused(
        'unsupported_type',
        'RSA keys are taken as plain rsaEncryption keys, not as RSASSA-PSS; ask for PSS when you import them.',
      );
    default:
      throw new KeyRefused(
        'unsupported_type',
        `Keys of type ${type ?? 'unknown'} are not taken; expected RSA, EC, Ed25519 or an HMAC secret.`,
      );
  }
}

function assertSupportedCurve(name: string): void {
  if (['prime256v1', 'secp384r1', 'secp521r1'].includes(name)) return;
  throw new KeyRefused('unsupported_curve', `EC keys are taken on P-256, P-384 and P-521, not on ${name}.`);
}

async function assertStrongPrivateKey(key: KeyObject): Promise<void> {
  if (key.asymmetricKeyType === 'rsa') await assertStrongRsaPrivateKey(key);
  else assertStrongCurvePrivateKey(key);
}

function assertStrongPublicKey(key: KeyObject): void {
  if (key.asymmetricKeyType === 'rsa') assertStrongRsaPublicKey(key);
  if (key.asymmetricKeyType === 'ed25519') assertSoundEd25519PublicKey(key);
}

/** RFC 7517 sections 4.2 and 4.3: what a key says it is for is what it is used for, and nothing else. */
function assertUse({ use, keyOps }: DeclaredUse, operation: 'sign' | 'verify'): void {
  if (use !== undefined && use !== 'sig')
    throw new KeyRefused('wrong_use', 'The "use" of the JWK says that it is not for signatures.');
  if (keyOps && (!keyOps.includes(operation) || keyOps.some((other) => other !== 'sign' && other !== 'verify'))) {
    throw new KeyRefused(
      'wrong_use',
      `The "key_ops" of the JWK must have "${operation}", and nothing that is not about signatures.`,
    );
  }
}
