import { CliError } from './cli-error.js';

/** Longest JWKS that is read, in bytes. */
export const MAX_JWKS = 1024 * 1024;
/** Milliseconds for all of it. */
const PATIENCE = 10_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The text of a JWKS. Redirects are not followed, since whoever answers for the keys answers at their address; nor is plain HTTP taken beyond this machine,
 * where anyone on the way could put in a key, unless that is asked for.
 *
 * @throws CliError
 */
export async function downloadJwks(address: string, allowInsecure: boolean): Promise<string> {
  if (!URL.canParse(address)) throw new CliError(`${address} is no address.`);
  const { protocol, hostname } = new URL(address);
  if (protocol === 'http:' && !LOOPBACK.test(hostname) && !allowInsecure) {
    throw new CliError(
      `${address} is not https:; anyone on the way could answer with a key of their own. --allow-insecure takes it all the same.`,
    );
  }
  let response: Response;
  try {
    response = await fetch(address, {
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.ok) return await boundedText(response, address);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${address} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const to = response.headers.get('location');
  const elsewhere = to === null ? '' : ` and points to ${to}; redirects are not followed`;
  throw new CliError(`${address} answered ${response.status.toString()}${elsewhere}.`);
}

async function boundedText(response: Response, address: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength;
    if (bytes > MAX_JWKS) throw new CliError(`${address} is too long for a JWKS.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
