import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { MasterKey } from '../common/master-key.js';

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A stored private key was not wrapped under this master key, for this `kid`, or was altered. */
export class UnwrapError extends Error {
  override readonly name = 'UnwrapError';
}

/**
 * AES-256-GCM (NIST SP 800-38D) under a key derived from the master key. The `kid` is authenticated too, so that one key's private half
 * cannot be put into another's row. Layout: version (1 byte), IV (12), tag (16), ciphertext.
 */
export function wrapPrivateKey(masterKey: MasterKey, kid: string, privateKey: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', masterKey.derive('key-wrapping'), iv);
  cipher.setAAD(Buffer.from(kid));
  const ciphertext = Buffer.concat([cipher.update(privateKey), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION]), iv, cipher.getAuthTag(), ciphertext]);
}

/** @throws UnwrapError */
export function unwrapPrivateKey(masterKey: MasterKey, kid: string, wrapped: Buffer): Buffer {
  if (wrapped[0] !== VERSION || wrapped.length <= 1 + IV_BYTES + TAG_BYTES) {
    throw new UnwrapError(`the private half of key ${kid} has an unknown form`);
  }
  const iv = wrapped.subarray(1, 1 + IV_BYTES);
  const tag = wrapped.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', masterKey.derive('key-wrapping'), iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(kid));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(1 + IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    throw new UnwrapError(`the private half of key ${kid} cannot be decrypted with this master key`);
  }
}
