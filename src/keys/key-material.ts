import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { DER, readDer } from './der.js';
import { assertOrdinaryEcKey } from './ec-der.js';
import { decryptPkcs8 } from './encrypted-pkcs8.js';
import { jwkMaterial, type KeyMaterial } from './jwk-material.js';
import { KeyRefused } from './key-refused.js';
import { isPem, readPem } from './pem.js';
import { secretOfText } from './secret-text.js';

type PublicMaterial = Extract<KeyMaterial, { kind: 'public' }>;

/** Characters. An RSA key of 4096 bits has a fifth of this, in whichever form. */
const LONGEST = 16_384;

/**
 * Reads PEM (PKCS#8, also encrypted; PKCS#1; SEC1; SPKI), one JWK (RFC 7517), or an HMAC secret in base64 or base64url; the text says which.
 *
 * @param passphrase for an encrypted key
 * @throws KeyRefused
 */
export async function readKeyMaterial(text: string, passphrase: string | undefined): Promise<KeyMaterial> {
  const trimmed = withinBounds(text);
  if (trimmed.startsWith('{')) return jwkMaterial(trimmed);
  if (isPem(trimmed)) return pemMaterial(trimmed, passphrase);
  return { kind: 'secret', bytes: secretOfText(trimmed), declared: {} };
}

/**
 * As `readKeyMaterial`, for what must be a public key: nothing is ever decrypted for it.
 *
 * @throws KeyRefused
 */
export function readPublicMaterial(text: string): PublicMaterial {
  const trimmed = withinBounds(text);
  const material = !trimmed.startsWith('{') && isPem(trimmed) ? publicPem(trimmed) : jwkMaterial(trimmed);
  if (material.kind !== 'public') throw publicExpected();
  return material;
}

function withinBounds(text: string): string {
  if (text.length > LONGEST)
    throw new KeyRefused('malformed', `This is longer than a key can be (${LONGEST} characters).`);
  const trimmed = text.trim();
  if (trimmed === '') throw new KeyRefused('malformed', 'There is no key: the text is empty.');
  return trimmed;
}

async function pemMaterial(text: string, passphrase: string | undefined): Promise<KeyMaterial> {
  const { label, der } = readPem(text);
  switch (label) {
    case 'PRIVATE KEY':
      return { kind: 'private', declared: {}, key: privateKey(der, 'pkcs8') };
    case 'ENCRYPTED PRIVATE KEY': {
      if (passphrase === undefined || passphrase === '') {
        throw new KeyRefused('passphrase_missing', 'The private key is encrypted: its passphrase is needed.');
      }
      return { kind: 'private', declared: {}, key: privateKey(await decryptPkcs8(der, passphrase), 'pkcs8') };
    }
    case 'RSA PRIVATE KEY':
      return { kind: 'private', declared: {}, key: privateKey(der, 'pkcs1') };
    case 'EC PRIVATE KEY':
      return { kind: 'private', declared: {}, key: privateKey(der, 'sec1') };
    default:
      return publicPem(text);
  }
}

function publicPem(text: string): PublicMaterial {
  const { label, der } = readPem(text);
  switch (label) {
    case 'PUBLIC KEY':
      return { kind: 'public', declared: {}, key: publicKey(der, 'spki') };
    case 'RSA PUBLIC KEY':
      return { kind: 'public', declared: {}, key: publicKey(der, 'pkcs1') };
    case 'DSA PRIVATE KEY':
      throw new KeyRefused('unsupported_type', 'DSA keys sign no JWT (RFC 7518 has no algorithm for them).');
    default:
      if (label.endsWith('PRIVATE KEY') && label !== 'OPENSSH PRIVATE KEY') throw publicExpected();
      throw new KeyRefused(
        'unsupported_format',
        `A PEM block "${label}" is not taken; give PKCS#8, PKCS#1, SEC1 or SPKI. ` +
          '"openssl pkey" converts private keys, "openssl x509 -pubkey" takes the public key out of a certificate.',
      );
  }
}

function privateKey(der: Buffer, type: 'pkcs8' | 'pkcs1' | 'sec1'): KeyObject {
  assertOneElement(der);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: der, format: 'der', type });
  } catch {
    throw new KeyRefused('malformed', `This is not a private key that can be read (${type.toUpperCase()}).`);
  }
  if (key.asymmetricKeyType === 'ec' && type !== 'pkcs1') assertOrdinaryEcKey(der, type);
  return key;
}

function publicKey(der: Buffer, type: 'spki' | 'pkcs1'): KeyObject {
  assertOneElement(der);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: 'der', type });
  } catch {
    throw new KeyRefused('malformed', `This is not a public key that can be read (${type.toUpperCase()}).`);
  }
  if (key.asymmetricKeyType === 'ec' && type === 'spki') assertOrdinaryEcKey(der, type);
  return key;
}

/** OpenSSL ignores what follows a key, so that one key would have many texts. */
function assertOneElement(der: Buffer): void {
  const elements = readDer(der);
  if (elements.length !== 1 || elements[0]?.tag !== DER.sequence) {
    throw new KeyRefused('malformed', 'This is not a key that can be read: something follows it.');
  }
}

function publicExpected(): KeyRefused {
  return new KeyRefused(
    'public_key_expected',
    'This is a private key or a secret. Only the public half is wanted here: keep the private one.',
  );
}
