import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import {
  VerificationError,
  parseJws,
  verificationAlgorithmOf,
  verifySignature,
  type Algorithm,
  type JsonObject,
  type ParsedJws,
} from '@portcullis/verifier';

/** Longest time (seconds) that an assertion may still be good for: so long is its `jti` remembered. */
const LONGEST = 10 * 60;
/** How far ahead of this clock (seconds) `iat` and `nbf` may lie. `exp` gets no tolerance. */
const TOLERANCE = 30;
/** Of an assertion that names no key, so many are tried: as many as a client may register. */
const MOST_TRIED = 5;
const MOST_JTI = 256;
/** RFC 7515 section 4.1.9: `application/` may be left out. What is a token of another kind is no assertion. */
const TYPES: ReadonlySet<string | undefined> = new Set([undefined, 'jwt', 'client-authentication+jwt']);

/** Why an assertion proves nothing. For the log: the client hears one answer whatever the cause. */
export type AssertionRefusal =
  | 'malformed'
  | 'wrong_type'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'lifetime_too_long'
  | 'not_yet_valid'
  | 'jti_missing';

/** Of a good assertion, what it takes to see that it is used once. Seconds since 1970. */
export interface AcceptedAssertion {
  jti: string;
  expiresAt: number;
}

export interface AssertionRules {
  clientId: string;
  /** The public keys that the client has registered, as JWK. */
  keys: readonly JsonWebKey[];
  /** The issuer, or the token endpoint: what assertions are made out to, exactly as it is written. */
  audiences: readonly string[];
  /** Seconds since 1970. */
  now: number;
}

/** An assertion taken apart, or undefined when it is none. Nothing in it is verified yet. */
export function readAssertion(text: string): ParsedJws | undefined {
  try {
    return parseJws(text);
  } catch (error) {
    if (error instanceof VerificationError) return undefined;
    throw error;
  }
}

/** Whom it claims to be from. */
export function claimedClientOf({ payload }: ParsedJws): string | undefined {
  return typeof payload['sub'] === 'string' ? payload['sub'] : undefined;
}

/**
 * Whether `jws` proves that it is from this client (RFC 7523 section 3). That it was not used before remains to be seen. `Ed25519` is the new name
 * of what `EdDSA` means here (RFC 9864 section 2.2).
 */
export function verifyAssertion(jws: ParsedJws, rules: AssertionRules): AcceptedAssertion | AssertionRefusal {
  const { header, payload } = jws;
  if (!TYPES.has(header.typ?.toLowerCase().replace(/^application\//, ''))) return 'wrong_type';
  const candidates = rules.keys
    .filter((jwk) => header.kid === undefined || jwk['kid'] === header.kid)
    .flatMap((jwk) => registeredKey(jwk) ?? [])
    .filter(({ algorithm }) => algorithm === (header.alg === 'Ed25519' ? 'EdDSA' : header.alg))
    .slice(0, MOST_TRIED);
  if (candidates.length === 0) return 'unknown_key';
  const signed = candidates.some(({ algorithm, key }) =>
    verifySignature(algorithm, key, jws.signingInput, jws.signature),
  );
  return signed ? acceptedClaims(payload, rules) : 'bad_signature';
}

function acceptedClaims(
  { iss, sub, aud, exp, iat, nbf, jti }: JsonObject,
  { clientId, audiences, now }: AssertionRules,
): AcceptedAssertion | AssertionRefusal {
  if (iss !== clientId || sub !== clientId) return 'wrong_issuer';
  // Made out to us alone: another server that it was sent to as well could use it here.
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (typeof audience !== 'string' || !audiences.includes(audience)) return 'wrong_audience';
  if (!isTime(exp)) return 'malformed';
  if (now >= exp) return 'expired';
  if (exp > now + LONGEST + TOLERANCE) return 'lifetime_too_long';
  for (const time of [iat, nbf]) {
    if (time === undefined) continue;
    if (!isTime(time)) return 'malformed';
    if (time > now + TOLERANCE) return 'not_yet_valid';
  }
  // Without control characters: Postgres stores no NUL.
  if (typeof jti !== 'string' || jti === '' || jti.length > MOST_JTI || /\p{Cc}|\p{Cs}/u.test(jti))
    return 'jti_missing';
  return { jti, expiresAt: exp };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** The algorithm is that of the registered key: what the assertion says may only agree. */
function registeredKey(jwk: JsonWebKey): { algorithm: Algorithm; key: KeyObject } | null {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    return { algorithm: verificationAlgorithmOf(key, jwk['alg']), key };
  } catch {
    return null;
  }
}
