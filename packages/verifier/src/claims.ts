import type { RefusalReason } from './refusal-reason.js';
import type { JsonObject } from './strict-json.js';

/** What a token for a message broker permits: subjects to subscribe to, to publish to, and to do both with. */
export interface SubjectPermissions {
  readonly sub: readonly string[];
  readonly pub: readonly string[];
  readonly all: readonly string[];
}

/** The claims of every Portcullis token. Times are NumericDate: seconds since 1970, fractions allowed (RFC 7519 section 2). */
export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
  readonly jti: string;
  readonly client_id: string;
  /** The session that a login began; absent from tokens of clients and from generated tokens. */
  readonly sid?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[] | SubjectPermissions;
  /** Names of permissions separated by spaces (RFC 6749 section 3.3). */
  readonly scope?: string;
  /** The event that this token is newer than. Its shape is judged by the refusal function: `as_of_missing`. */
  readonly as_of?: unknown;
  /** When the user was asked to prove who they are. */
  readonly auth_time?: number;
  /** By which methods they did (RFC 8176). */
  readonly amr?: readonly string[];
  readonly preferred_username?: string;
  readonly [name: string]: unknown;
}

/** The claims of an access token (RFC 9068 section 2.2). */
export interface AccessTokenClaims extends TokenClaims {
  readonly permissions?: readonly string[];
}

export interface TimeLimits {
  /** Refuse as `too_old` what was issued longer ago than this, whatever its `exp`; undefined: no such limit. */
  readonly maxAgeSeconds: number | undefined;
  /** How far ahead of this clock `nbf` and `iat` may lie. `exp` gets no tolerance. */
  readonly clockToleranceSeconds: number;
}

export const DEFAULT_TIME_LIMITS: TimeLimits = { maxAgeSeconds: undefined, clockToleranceSeconds: 5 };

/** The claims in `payload`, or undefined when one is missing or of the wrong type (reason `malformed`). */
export function readTokenClaims(payload: JsonObject): TokenClaims | undefined {
  const wellFormed =
    isName(payload['iss']) &&
    isIdentifier(payload['sub']) &&
    (isName(payload['aud']) || isStrings(payload['aud'])) &&
    Number.isFinite(payload['exp']) &&
    Number.isFinite(payload['iat']) &&
    isIdentifier(payload['jti']) &&
    isIdentifier(payload['client_id']) &&
    isAbsentOr(Number.isFinite, payload['nbf']) &&
    isAbsentOr(Number.isFinite, payload['auth_time']) &&
    isAbsentOr(isStrings, payload['amr']) &&
    isAbsentOr(isIdentifier, payload['sid']) &&
    isAbsentOr(isStrings, payload['roles']) &&
    isAbsentOr(isPermissions, payload['permissions']) &&
    isAbsentOr(isString, payload['scope']) &&
    isAbsentOr(isString, payload['preferred_username']);
  // The compiler cannot follow the checks above through an index signature.
  return wellFormed ? (payload as TokenClaims) : undefined;
}

const LONGEST_IDENTIFIER = 512;
/** Control characters, and halves of surrogate pairs. */
const NOT_IN_IDENTIFIERS = /[\p{Cc}\p{Cs}]/u;

/** Whether the permissions are plain names. Those of a broker's token are not, and mean nothing to an access check. */
export function hasAccessTokenClaims(claims: TokenClaims): claims is AccessTokenClaims {
  return claims.permissions === undefined || Array.isArray(claims.permissions);
}

/** A message broker's token: what it permits is subjects. It is no access token, and none of these is one. */
export interface BrokerTokenClaims extends TokenClaims {
  readonly permissions: SubjectPermissions;
}

/** Whether the permissions are subjects, as those of a broker's token. */
export function hasBrokerTokenClaims(claims: TokenClaims): claims is BrokerTokenClaims {
  return claims.permissions !== undefined && !hasAccessTokenClaims(claims);
}

/** `typ` of a broker's token. Explicit types keep kinds of tokens apart (RFC 8725 section 3.11). */
export const BROKER_TOKEN_TYPE = 'broker+jwt';

export function isBrokerTokenType(typ: string | undefined): boolean {
  const type = typ?.toLowerCase();
  return type === BROKER_TOKEN_TYPE || type === `application/${BROKER_TOKEN_TYPE}`;
}

export function audienceOf({ aud }: TokenClaims): readonly string[] {
  return typeof aud === 'string' ? [aud] : aud;
}

/** RFC 9068 section 4: `at+jwt`, or the same written as a full media type, in any case. */
export function isAccessTokenType(typ: string | undefined): boolean {
  const type = typ?.toLowerCase();
  return type === 'at+jwt' || type === 'application/at+jwt';
}

/** RFC 9068 section 4: the issuer exactly, and this audience among those of the token. */
export function addresseeRefusal(
  claims: TokenClaims,
  expected: { issuer: string; audience: string; keyAudience: string | null },
): RefusalReason | null {
  if (claims.iss !== expected.issuer) return 'wrong_issuer';
  const audience = audienceOf(claims);
  if (!audience.includes(expected.audience)) return 'wrong_audience';
  // Whoever holds one audience's HMAC key can write what they like, other audiences too: its tokens are for that one alone.
  if (expected.keyAudience !== null && audience.some((one) => one !== expected.keyAudience)) return 'wrong_audience';
  return null;
}

/** The checks that depend on the time of day; `now` is in seconds since 1970, fractions allowed. */
export function timeRefusal(claims: TokenClaims, now: number, limits: TimeLimits): RefusalReason | null {
  if (isExpired(claims, now)) return 'expired';
  if (isNotYetValid(claims, now, limits.clockToleranceSeconds)) return 'not_yet_valid';
  if (limits.maxAgeSeconds !== undefined && now - claims.iat > limits.maxAgeSeconds) return 'too_old';
  return null;
}

/** RFC 7519 section 4.1.4: not accepted on or after `exp`. */
export function isExpired({ exp }: TokenClaims, now: number): boolean {
  return now >= exp;
}

/** RFC 7519 section 4.1.5: not accepted before `nbf`; nor is a token that claims to have been issued later than now. */
export function isNotYetValid({ nbf, iat }: TokenClaims, now: number, toleranceSeconds: number): boolean {
  const latest = now + toleranceSeconds;
  return iat > latest || (nbf !== undefined && nbf > latest);
}

/** Whether the token lives longer than anything of its kind may: events about it are not kept that long. */
export function outlivesRetention(
  { exp, iat, sid }: TokenClaims,
  keep: { keepSeconds: number; keepAccessSeconds: number },
): boolean {
  const lifetime = exp - iat;
  return lifetime > keep.keepSeconds || (sid !== undefined && lifetime > keep.keepAccessSeconds);
}

function isAbsentOr(check: (value: unknown) => boolean, value: unknown): boolean {
  return value === undefined || check(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Whatever identifies something is looked up, compared and logged; tokens of audiences with a shared key may hold anything here. */
function isIdentifier(value: unknown): value is string {
  return isName(value) && value.length <= LONGEST_IDENTIFIER && !NOT_IN_IDENTIFIERS.test(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function isPermissions(value: unknown): boolean {
  if (isStrings(value)) return true;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { sub, pub, all } = value as Record<string, unknown>;
  return isStrings(sub) && isStrings(pub) && isStrings(all);
}
