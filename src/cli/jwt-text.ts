import { CliError } from './cli-error.js';

/** Header and payload of a JWT as they stand there, with nothing verified. @throws CliError */
export function decodeJwt(token: string): { header: unknown; payload: unknown } {
  const parts = token.split('.');
  const [header, payload] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined) {
    throw new CliError(
      parts.length === 5
        ? 'This is an encrypted token (JWE): it shows nothing.'
        : 'This is no JWT: three parts with dots between them.',
    );
  }
  return { header: jsonOf(header, 'header'), payload: jsonOf(payload, 'payload') };
}

function jsonOf(part: string, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    throw new CliError(`The ${name} is no JSON in base64url.`);
  }
}
