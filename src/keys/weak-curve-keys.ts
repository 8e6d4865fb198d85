import { createECDH, type JsonWebKey, type KeyObject } from 'node:crypto';
import { integerOf } from './integers.js';
import { KeyRefused } from './key-refused.js';
import { isPatterned } from './weak-secrets.js';

/** OpenSSL's names of the curves of RFC 7518 section 6.2.1.1. */
const CURVES = new Map([
  ['P-256', 'prime256v1'],
  ['P-384', 'secp384r1'],
  ['P-521', 'secp521r1'],
]);

/**
 * Of an EC key: its point is the one that its private half makes, since a file holds both and OpenSSL believes it; and the private half is no
 * pattern that somebody could guess. Of an Ed25519 key, whose point is always computed, the latter.
 *
 * @throws KeyRefused
 */
export function assertStrongCurvePrivateKey(key: KeyObject): void {
  const { crv = '', x = '', y = '', d = '' } = numbersOf(key);
  const secret = Buffer.from(d, 'base64url');
  const curve = CURVES.get(crv);
  if (curve !== undefined) {
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    if (!pointOf(curve, secret)?.equals(point)) {
      throw new KeyRefused('inconsistent', 'The public and the private half of the EC key do not belong together.');
    }
  }
  if (isPatterned(secret))
    throw new KeyRefused('guessable', 'The private key follows a pattern: it was not made at random.');
}

/** OpenSSL reads a private half of zero, and fails as soon as it computes the point of it. */
function numbersOf(key: KeyObject): JsonWebKey {
  try {
    return key.export({ format: 'jwk' });
  } catch {
    throw new KeyRefused('inconsistent', 'The private half of the EC key is not in the range of its curve.');
  }
}

/** Null where the private half is not in the range of the curve. */
function pointOf(curve: string, secret: Buffer): Buffer | null {
  const ecdh = createECDH(curve);
  try {
    ecdh.setPrivateKey(secret);
  } catch {
    return null;
  }
  return ecdh.getPublicKey();
}

const P = 2n ** 255n - 19n;
const D = modulo(-121665n * power(121666n, P - 2n));

/** RFC 7748 section 6.1 and RFC 8032 section 5.1.7: y of the eight points whose multiples are few; a signature by one of them holds for anything. */
const FEW_MULTIPLES = new Set([
  0n,
  1n,
  P - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/**
 * Of an Ed25519 public key, which OpenSSL takes as it comes: that it is a point of the curve (RFC 8032 section 5.1.3), and one of large order. Points of EC keys
 * OpenSSL checks itself.
 *
 * @throws KeyRefused
 */
export function assertSoundEd25519PublicKey(key: KeyObject): void {
  const bytes = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').reverse();
  bytes.writeUInt8((bytes[0] ?? 0) & 0x7f, 0);
  const y = integerOf(bytes);
  if (y >= P || !isOnCurve(y)) throw new KeyRefused('inconsistent', 'The Ed25519 key is not a point of its curve.');
  if (FEW_MULTIPLES.has(y))
    throw new KeyRefused('guessable', 'The Ed25519 key is a point of small order: anyone can sign for it.');
}

/** -x² + y² = 1 + d·x²·y²: x² must be a square modulo p, by Euler's criterion. */
function isOnCurve(y: bigint): boolean {
  const square = modulo((y * y - 1n) * power(modulo(D * y * y + 1n), P - 2n));
  return square === 0n || power(square, (P - 1n) / 2n) === 1n;
}

function modulo(n: bigint): bigint {
  return ((n % P) + P) % P;
}

/** Modulo p. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = modulo(base), rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) {
    if (rest & 1n) result = (result * square) % P;
  }
  return result;
}
