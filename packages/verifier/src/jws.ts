import { VerificationError } from './errors.js';
import { readJsonObject, type JsonObject } from './strict-json.js';

/** The header parameters that matter here. All others are ignored, except those that are refused below. */
export interface JwsHeader {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
}

/** A token taken apart. Nothing in it can be trusted before its signature is verified. */
export interface ParsedJws {
  readonly header: JwsHeader;
  readonly payload: JsonObject;
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

/** In characters. The longest `Authorization` header that Node accepts by default is of the same size. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * Parameters that would change how the token is read, or bring a key of its own choosing: refused, never obeyed or fetched
 * (RFC 8725 sections 3.1 and 3.10). A parameter named in `crit` must be understood, and none is (RFC 7515 section 4.1.11).
 */
const REFUSED_PARAMETERS = ['crit', 'b64', 'zip', 'jwk', 'jku', 'x5c', 'x5u'] as const;

/**
 * Takes a JWS in compact serialization apart (RFC 7515 section 7.1), strictly: there is one spelling for each token.
 *
 * @throws VerificationError with reason `malformed`, and no other error whatever the input
 */
export function parseJws(token: string, maxLength = MAX_TOKEN_LENGTH): ParsedJws {
  // Length first: what follows is linear in it.
  if (typeof token !== 'string' || token.length > maxLength) throw malformed();
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.indexOf('.', headerEnd + 1);
  if (headerEnd < 1 || payloadEnd < 0) throw malformed();

  const header = readHeader(readJsonObject(decodeBase64url(token.slice(0, headerEnd))));
  const payload = readJsonObject(decodeBase64url(token.slice(headerEnd + 1, payloadEnd)));
  const signature = decodeBase64url(token.slice(payloadEnd + 1));
  if (header === undefined || payload === undefined) throw malformed();
  return { header, payload, signingInput: Buffer.from(token.slice(0, payloadEnd), 'latin1'), signature };
}

/**
 * Decodes base64url without padding. Node skips what it does not understand and ignores trailing bits, so the bytes are
 * encoded again and compared: a fourth part, padding, white space or a second spelling of the same bytes are all refused.
 */
function decodeBase64url(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== segment) throw malformed();
  return bytes;
}

function readHeader(header: JsonObject | undefined): JwsHeader | undefined {
  if (header === undefined || REFUSED_PARAMETERS.some((name) => Object.hasOwn(header, name))) return undefined;
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !isStringOrAbsent(kid) || !isStringOrAbsent(typ)) return undefined;
  return { alg, kid, typ };
}

function isStringOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function malformed(): VerificationError {
  return new VerificationError('malformed', { signatureValid: false });
}
