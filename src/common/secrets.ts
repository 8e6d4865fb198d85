import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** `bytes` random bytes as base64url: 32 bytes make a secret of 256 bits. */
export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}

/** SHA-256. Enough for secrets of 256 random bits; passwords go through argon2id. */
export function sha256(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}

export function hmacSha256(key: Buffer, ...parts: (string | Buffer)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Compares in constant time; secrets of different length differ. */
export function secretsEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A 256-bit key for one purpose, derived from the master key (RFC 5869). */
export function deriveKey(masterKey: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', `portcullis/${purpose}`, 32));
}
