import { readKeys, type Algorithm, type VerificationKey } from '@portcullis/verifier';
import { importVerificationKey } from '../keys/key-import.js';
import { CliError } from './cli-error.js';
import { readInput } from './input.js';

export type FindKey = (kid: string | undefined) => VerificationKey | undefined;

/** Longest JWKS that is read, in bytes. */
const MAX_JWKS = 1024 * 1024;

/** One key from a file, for every token, whatever its kid: PEM, JWK, or a secret in base64. @throws KeyRefused, CliError */
export async function keyFromFile(path: string, algorithms: readonly Algorithm[] | undefined): Promise<FindKey> {
  const { kid, algorithm, key } = await importVerificationKey(readInput(path), algorithms);
  const found: VerificationKey = { kid, algorithm, key, audience: null };
  return () => found;
}

/** The keys of a JWKS, by URL or from a file. @throws CliError */
export async function keysFromJwks(source: string): Promise<FindKey> {
  const keys = readKeys(parse(/^https?:/.test(source) ? await download(source) : readInput(source), source));
  if (keys.size === 0) throw new CliError(`${source} holds no key that can be used.`);
  return (kid) => (kid === undefined ? undefined : keys.get(kid));
}

async function download(url: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new CliError(`${url} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!response.ok) throw new CliError(`${url} answered ${response.status.toString()}.`);
  const text = await response.text();
  if (text.length > MAX_JWKS) throw new CliError(`${url} is too long for a JWKS.`);
  return text;
}

function parse(text: string, source: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CliError(`${source} is no JSON.`);
  }
}
