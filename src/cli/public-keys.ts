import { importPublicKey } from '../keys/key-import.js';
import { CliError } from './cli-error.js';
import { readInput } from './input.js';

/** The public keys of a file, as JWK: one in PEM, a JWK, or the keys of a JWKS. What a JWK is worth is seen later. @throws CliError, KeyRefused */
export function publicKeysIn(path: string): unknown[] {
  const text = readInput(path).trim();
  if (!text.startsWith('{')) return [importPublicKey(text).publicJwk];
  let jwk: unknown;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw new CliError(`${path} is no JSON.`);
  }
  const { keys } = jwk as { keys?: unknown };
  return Array.isArray(keys) ? (keys as unknown[]) : [jwk];
}
