import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What is stored was not wrapped under this key, for this name, or was altered. */
export class UnwrapError extends Error {
  override readonly name = 'UnwrapError';
}

/**
 * AES-256-GCM (NIST SP 800-38D). The `name` is authenticated too, so that one row's secret cannot be put into another's. Layout: version
 * (1 byte), IV (12), tag (16), ciphertext.
 *
 * @param key 32 bytes
 */
export function wrap(key: Buffer, name: string, secret: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(name));
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION]), iv, cipher.getAuthTag(), ciphertext]);
}

/** @throws UnwrapError */
export function unwrap(key: Buffer, name: string, wrapped: Buffer): Buffer {
  if (wrapped[0] !== VERSION || wrapped.length <= 1 + IV_BYTES + TAG_BYTES) {
    throw new UnwrapError(`what is stored for ${name} has an unknown form`);
  }
  const iv = wrapped.subarray(1, 1 + IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(wrapped.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(1 + IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    throw new UnwrapError(`what is stored for ${name} cannot be decrypted with this key`);
  }
}
