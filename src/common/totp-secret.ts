import type { MasterKey } from './master-key.js';

/** The key derived from the master key under which the secrets of authenticator apps are wrapped. */
const PURPOSE = 'totp-secret-wrapping';

/** The secret as it is stored, wrapped for the id of its factor, so that one user's secret cannot be put into another's row. */
export function wrapTotpSecret(masterKey: MasterKey, factorId: string, secret: Buffer): Buffer {
  return masterKey.wrap(PURPOSE, factorId, secret);
}

/** @throws UnwrapError */
export function unwrapTotpSecret(masterKey: MasterKey, factorId: string, wrapped: Buffer): Buffer {
  return masterKey.unwrap(PURPOSE, factorId, wrapped);
}
