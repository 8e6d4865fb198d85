import type { MasterKey } from '../common/master-key.js';

export { UnwrapError } from '../common/wrapping.js';

/** The key derived from the master key under which private halves are wrapped. */
const PURPOSE = 'key-wrapping';

/**
 * The private half as it is stored: PKCS#8 DER, or the bytes of an HMAC secret, wrapped for its `kid`, so that one key's private half cannot be
 * put into another's row.
 */
export function wrapPrivateKey(masterKey: MasterKey, kid: string, privateKey: Buffer): Buffer {
  return masterKey.wrap(PURPOSE, kid, privateKey);
}

/** @throws UnwrapError when neither the master key nor the one before it unwraps it */
export function unwrapPrivateKey(masterKey: MasterKey, kid: string, wrapped: Buffer): Buffer {
  return masterKey.unwrap(PURPOSE, kid, wrapped);
}
