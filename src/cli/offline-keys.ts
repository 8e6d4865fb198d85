import { readKeys, type Algorithm, type VerificationKey } from '@portcullis/verifier';
import { importVerificationKey } from '../keys/key-import.js';
import { CliError } from './cli-error.js';
import { readInput } from './input.js';
import { downloadJwks } from './jwks-download.js';

export type FindKey = (kid: string | undefined) => VerificationKey | undefined;

/** One key from a file, for every token, whatever its kid: PEM, JWK, or a secret in base64. @throws KeyRefused, CliError */
export async function keyFromFile(path: string, algorithms: readonly Algorithm[] | undefined): Promise<FindKey> {
  const { kid, algorithm, key } = await importVerificationKey(readInput(path), algorithms);
  const found: VerificationKey = { kid, algorithm, key, audience: null };
  return () => found;
}

/** The keys of a JWKS, by URL or from a file. @throws CliError */
export async function keysFromJwks(source: string, allowInsecure: boolean): Promise<FindKey> {
  const isAddress = /^https?:/i.test(source);
  const keys = readKeys(parse(isAddress ? await downloadJwks(source, allowInsecure) : readInput(source), source));
  const [first, ...others] = keys.values();
  if (first === undefined) throw new CliError(`${source} holds no key that can be used.`);
  // RFC 7515 section 4.1.4: the name is optional. Of several keys none is guessed.
  const unnamed = others.length === 0 ? first : undefined;
  return (kid) => (kid === undefined ? unnamed : keys.get(kid));
}

function parse(text: string, source: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError(`${source} is no JSON.`);
  }
}
