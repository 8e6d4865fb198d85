import {
  VerificationError,
  parseJws,
  verifySignature,
  type Algorithm,
  type JsonObject,
  type RefusalReason,
} from '@portcullis/verifier';
import type { FindKey } from './offline-keys.js';

export interface Expectations {
  issuer?: string | undefined;
  audience?: string | undefined;
  /** Which algorithms may be: that of the key must be among them. */
  algorithms?: readonly Algorithm[] | undefined;
  /** Seconds since the token was issued. */
  maxAgeSeconds?: number | undefined;
}

export interface Refused {
  accepted: false;
  reason: RefusalReason;
  /** A sentence without its subject: the token. */
  detail: string;
}

export type Verdict =
  | { accepted: true; header: { alg: string; kid: string | undefined; typ: string | undefined }; claims: JsonObject }
  | Refused;

/** Longest token that is looked at, in characters. */
const MAX_TOKEN = 64 * 1024;
/** How far ahead `nbf` and `iat` may lie, in seconds. */
const TOLERANCE = 5;

/**
 * Verifies a JWT of any issuer by its signature and its registered claims alone (RFC 7519 section 7.2). What ended it since, only the service
 * knows.
 *
 * @param now seconds since 1970
 */
export function verifyOffline(token: string, findKey: FindKey, expected: Expectations, now: number): Verdict {
  let jws: ReturnType<typeof parseJws>;
  try {
    jws = parseJws(token, MAX_TOKEN);
  } catch (error) {
    if (error instanceof VerificationError) return refused('malformed', 'it is not a JWS in compact form');
    throw error;
  }
  const { header, payload } = jws;
  const key = findKey(header.kid);
  if (!key) return refused('unknown_key', unknownKey(header.kid));
  const unwanted = algorithmRefusal(key.algorithm, expected);
  if (unwanted) return unwanted;
  if (header.alg !== key.algorithm)
    return refused('bad_signature', `the key is for ${key.algorithm}, the token says ${header.alg}`);
  if (!verifySignature(key.algorithm, key.key, jws.signingInput, jws.signature)) {
    return refused('bad_signature', `it was not signed with key ${key.kid}, or was altered since`);
  }
  return claimsRefusal(payload, expected, now) ?? { accepted: true, header, claims: payload };
}

/** Null when the key's algorithm is among those allowed. */
export function algorithmRefusal(algorithm: string, { algorithms }: Expectations): Refused | null {
  if (!algorithms || algorithms.some((allowed) => allowed === algorithm)) return null;
  return refused('bad_signature', `the key is for ${algorithm}, which is not among the algorithms allowed`);
}

/** What is wrong with the registered claims; null when nothing is. @param now seconds since 1970 */
export function claimsRefusal(claims: JsonObject, expected: Expectations, now: number): Refused | null {
  const { iss, aud, exp, iat, nbf } = claims;
  if (!isTime(exp)) return refused('malformed', 'it has no exp, or one that is no number');
  if (![iat, nbf].every((time) => time === undefined || isTime(time))) {
    return refused('malformed', 'iat or nbf is no number');
  }
  if (now >= exp) return refused('expired', `it expired at ${dateOf(exp)}`);
  const early = [iat, nbf].find((time) => typeof time === 'number' && time > now + TOLERANCE);
  if (typeof early === 'number') return refused('not_yet_valid', `it is not valid before ${dateOf(early)}`);
  if (expected.maxAgeSeconds !== undefined) {
    if (typeof iat !== 'number') return refused('too_old', 'it does not say when it was issued');
    if (now - iat > expected.maxAgeSeconds) return refused('too_old', `it was issued at ${dateOf(iat)}`);
  }
  if (expected.issuer !== undefined && iss !== expected.issuer) return refused('wrong_issuer', `it is of ${show(iss)}`);
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (expected.audience !== undefined && !audiences.includes(expected.audience)) {
    return refused('wrong_audience', `it is for ${show(aud)}`);
  }
  return null;
}

function unknownKey(kid: string | undefined): string {
  return kid === undefined
    ? 'it names no key, and there are several: give the right one with --key'
    : `there is no key named ${kid}`;
}

/** JSON can spell numbers that are infinite once they are read: `1e999`. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function refused(reason: RefusalReason, detail: string): Refused {
  return { accepted: false, reason, detail };
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function show(value: unknown): string {
  return value === undefined ? 'nobody' : JSON.stringify(value);
}
