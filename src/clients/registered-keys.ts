import { invalidFields, type FieldError } from '../common/problem.js';
import { thumbprint } from '../keys/key-generation.js';
import { importPublicKey } from '../keys/key-import.js';
import { KeyRefused } from '../keys/key-refused.js';

/** A public key as it is stored: what it takes to verify with it, its name and its algorithm. */
export type RegisteredKey = Record<string, string>;

/** Enough to bring a new key in while the one before is still in use. */
export const MOST_KEYS = 5;

const KEY_ID = /^[\x21-\x7e]{1,128}$/;

/**
 * The public keys out of a JWK Set, by which a client proves itself (RFC 7523). Members that do not matter here are left out, as RFC 7517 section 4
 * wants it. A key without `kid` is named by its thumbprint (RFC 7638).
 *
 * @param path of the list in the request, for the errors
 * @throws Problem 400 that says of each key what is wrong with it
 */
export function readRegisteredKeys(given: readonly unknown[], path: string): RegisteredKey[] {
  if (given.length > MOST_KEYS) {
    throw invalidFields([{ field: path, message: `must not be more than ${MOST_KEYS.toString()}` }]);
  }
  const errors: FieldError[] = [];
  const keys: RegisteredKey[] = [];
  for (const [index, jwk] of given.entries()) {
    try {
      keys.push(readKey(jwk, keys));
    } catch (error) {
      if (!(error instanceof KeyRefused)) throw error;
      errors.push({ field: `${path}.${index.toString()}`, message: error.message });
    }
  }
  if (errors.length > 0) throw invalidFields(errors);
  return keys;
}

/** @throws KeyRefused */
function readKey(jwk: unknown, others: readonly RegisteredKey[]): RegisteredKey {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
    throw new KeyRefused('malformed', 'A JWK is one JSON object.');
  }
  const { kid: own, algorithm, publicJwk } = importPublicKey(JSON.stringify(jwk));
  const { kid = own } = jwk as { kid?: unknown };
  if (typeof kid !== 'string' || !KEY_ID.test(kid)) {
    throw new KeyRefused('malformed', 'The "kid" of the JWK must be 1 to 128 printable characters without spaces.');
  }
  if (others.some((other) => other['kid'] === kid)) {
    throw new KeyRefused('inconsistent', 'The "kid" of the JWK is that of another one.');
  }
  if (others.some((other) => thumbprint(other) === own)) {
    throw new KeyRefused('inconsistent', 'This key is there twice.');
  }
  return { ...publicJwk, kid, alg: algorithm, use: 'sig' };
}
