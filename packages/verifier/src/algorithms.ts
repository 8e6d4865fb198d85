import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from 'node:crypto';

export type Algorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA';

/** A key to verify with. Its algorithm is its own: the header of a token is held against it, never followed. */
export interface VerificationKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
  /** The one audience whose tokens this key may sign; null: any. Never null for an HMAC key. */
  readonly audience: string | null;
}

interface KeyOptions {
  /** RSA only: sign with PSS (PS256 …) instead of PKCS#1 v1.5 (RS256 …). */
  pss?: boolean;
}

interface VerificationKeyOptions {
  /** What the key's own record names as its algorithm, such as the `alg` of its JWK. */
  alg?: unknown;
  audience?: string | null;
}

type HashBits = '256' | '384' | '512';

const HASH_OF_CURVE = new Map<string, HashBits>([
  ['prime256v1', '256'],
  ['secp384r1', '384'],
  ['secp521r1', '512'],
]);

const BY_RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;

/** By the algorithm that a key would sign with, those that it can verify: RFC 7518 sections 3.2 to 3.5 bind curves to hashes, and secrets to a least length. */
const VERIFIED_BY: Readonly<Record<Algorithm, readonly Algorithm[]>> = {
  HS256: ['HS256'],
  HS384: ['HS384', 'HS256'],
  HS512: ['HS512', 'HS384', 'HS256'],
  RS256: BY_RSA,
  RS384: BY_RSA,
  RS512: BY_RSA,
  PS256: BY_RSA,
  PS384: BY_RSA,
  PS512: BY_RSA,
  ES256: ['ES256'],
  ES384: ['ES384'],
  ES512: ['ES512'],
  EdDSA: ['EdDSA'],
};

/** Length in bytes of an ECDSA signature as JWS writes it, r and s side by side (RFC 7518 section 3.4). */
const ECDSA_SIGNATURE_BYTES = { ES256: 64, ES384: 96, ES512: 132 } as const;

/**
 * The one algorithm that a key signs with; it follows from the key's type and size.
 *
 * @throws TypeError for a key that is too weak or of a kind that is not supported (RFC 7518 sections 3.2, 3.3, 3.4; RFC 8037)
 */
export function algorithmOf(key: KeyObject, { pss = false }: KeyOptions = {}): Algorithm {
  if (pss && key.asymmetricKeyType !== 'rsa') throw new TypeError('only RSA keys sign with PSS');
  if (key.type === 'secret') return `HS${hmacHash(key)}`;
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return `${pss ? 'PS' : 'RS'}${rsaHash(key)}`;
    case 'ec':
      return `ES${ecHash(key)}`;
    case 'ed25519':
      return 'EdDSA';
    default:
      throw new TypeError(`keys of type ${key.asymmetricKeyType ?? key.type} are not supported`);
  }
}

/**
 * The one algorithm of a key that only verifies. Others make keys of any length for any hash, so that what the key's own record names counts (RFC 7517
 * section 4.4), where its kind allows it: never what a token names. Without such a name it is that by which the key would sign.
 *
 * @throws TypeError as algorithmOf does, and for a name that does not fit the key
 */
export function verificationAlgorithmOf(key: KeyObject, named?: unknown): Algorithm {
  const own = algorithmOf(key);
  // RFC 9864 section 2.2 names EdDSA on this curve Ed25519.
  if (named === undefined || (named === 'Ed25519' && own === 'EdDSA')) return own;
  const algorithm = VERIFIED_BY[own].find((one) => one === named);
  if (algorithm === undefined) throw new TypeError(`a key for ${own} cannot verify ${JSON.stringify(named)}`);
  return algorithm;
}

/** @throws TypeError as verificationAlgorithmOf does, and for an HMAC key without an audience */
export function verificationKey(
  kid: string,
  key: KeyObject,
  { alg, audience = null }: VerificationKeyOptions = {},
): VerificationKey {
  if (key.type === 'secret' && audience === null) throw new TypeError('an HMAC key belongs to one audience');
  return Object.freeze({ kid, algorithm: verificationAlgorithmOf(key, alg), key, audience });
}

/**
 * Whether `signature` is the signature of `signingInput`. The lengths are checked exactly, so that each signed content has
 * one spelling only.
 */
export function verifySignature(
  algorithm: Algorithm,
  key: KeyObject,
  signingInput: Buffer,
  signature: Buffer,
): boolean {
  switch (algorithm) {
    case 'HS256':
    case 'HS384':
    case 'HS512': {
      const expected = createHmac(digestOf(algorithm), key).update(signingInput).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    }
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return signature.length === modulusBytes(key) && verify(digestOf(algorithm), signingInput, key, signature);
    case 'PS256':
    case 'PS384':
    case 'PS512': {
      // RFC 7518 section 3.5: the salt is as long as the digest.
      const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
      return signature.length === modulusBytes(key) && verify(digestOf(algorithm), signingInput, pss, signature);
    }
    case 'ES256':
    case 'ES384':
    case 'ES512': {
      if (signature.length !== ECDSA_SIGNATURE_BYTES[algorithm] || hasZeroHalf(signature)) return false;
      return verify(digestOf(algorithm), signingInput, { key, dsaEncoding: 'ieee-p1363' }, signature);
    }
    case 'EdDSA':
      return signature.length === 64 && verify(null, signingInput, key, signature);
  }
}

function hmacHash(key: KeyObject): HashBits {
  const bytes = key.symmetricKeySize ?? 0;
  if (bytes < 32) throw new TypeError('an HMAC key has at least 32 bytes');
  if (bytes < 48) return '256';
  return bytes < 64 ? '384' : '512';
}

function rsaHash(key: KeyObject): HashBits {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048) throw new TypeError('an RSA key has at least 2048 bits');
  // An exponent of 1 makes every message its own signature; FIPS 186-5 asks for more than 2^16.
  if (publicExponent < 65537n) throw new TypeError('an RSA key has a public exponent of at least 65537');
  if (modulusLength < 3072) return '256';
  return modulusLength < 4096 ? '384' : '512';
}

function ecHash(key: KeyObject): HashBits {
  const hash = HASH_OF_CURVE.get(key.asymmetricKeyDetails?.namedCurve ?? '');
  if (hash === undefined) throw new TypeError('an EC key is on P-256, P-384 or P-521');
  return hash;
}

function digestOf(algorithm: Exclude<Algorithm, 'EdDSA'>): string {
  switch (algorithm) {
    case 'HS256':
    case 'RS256':
    case 'PS256':
    case 'ES256':
      return 'sha256';
    case 'HS384':
    case 'RS384':
    case 'PS384':
    case 'ES384':
      return 'sha384';
    case 'HS512':
    case 'RS512':
    case 'PS512':
    case 'ES512':
      return 'sha512';
  }
}

function modulusBytes(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/** r or s of zero once passed as a good signature for any message (CVE-2022-21449 in Java). */
function hasZeroHalf(signature: Buffer): boolean {
  const half = signature.length / 2;
  return signature.subarray(0, half).every(isZero) || signature.subarray(half).every(isZero);
}

function isZero(byte: number): boolean {
  return byte === 0;
}
