import { DAY, duration, integer, oneOf, onOff, or, word } from '../parsers.js';
import { optional, withDefault } from '../variable.js';

/** Of keys whose public half everyone may have. HMAC keys belong to one audience and are no one's default. */
export const SIGNING_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

/** Lifetimes of tokens and sessions, signing keys, and how fresh a decision must be. */
export const TOKENS = {
  accessTokenTtl: withDefault('PORTCULLIS_ACCESS_TOKEN_TTL', '300', duration(10, 3600), 'Lifetime of an access token'),
  maxTokenTtl: withDefault(
    'PORTCULLIS_MAX_TOKEN_TTL',
    '24h',
    duration(10, 366 * DAY),
    'Longest lifetime of a generated token; at least that of an access token',
  ),
  refreshTokenTtl: withDefault(
    'PORTCULLIS_REFRESH_TOKEN_TTL',
    '30d',
    duration(1, 366 * DAY),
    'Lifetime of a refresh token',
  ),
  sessionIdleTtl: optional(
    'PORTCULLIS_SESSION_IDLE_TTL',
    '`PORTCULLIS_REFRESH_TOKEN_TTL`',
    duration(10, 366 * DAY),
    'How long a session lives without a refresh, where that is to be less',
  ),
  sessionMaxTtl: withDefault(
    'PORTCULLIS_SESSION_MAX_TTL',
    '90d',
    or('off', duration(10, 3650 * DAY)),
    'How long a session lives however often it is refreshed',
  ),
  maxSessionsPerUser: withDefault(
    'PORTCULLIS_MAX_SESSIONS_PER_USER',
    'off',
    or('off', integer(1, 10_000)),
    'Sessions of one user at once; a login beyond that ends the one that was used longest ago',
  ),
  nameQuarantine: withDefault(
    'PORTCULLIS_NAME_QUARANTINE',
    '30d',
    or('off', duration(60, 3650 * DAY)),
    'How long nobody else gets the name or address of a deleted user, or a former one',
  ),
  refreshGraceSeconds: withDefault(
    'PORTCULLIS_REFRESH_GRACE_SECONDS',
    '10',
    duration(0, 300),
    'How long a used refresh token may be presented again before that counts as theft',
  ),
  maxStalenessMs: withDefault(
    'PORTCULLIS_MAX_STALENESS_MS',
    '0',
    integer(0, 60_000),
    "How old (ms) the service's own view of the validity window may be; 0 asks Postgres for each batch of requests",
  ),
  signingAlgorithm: withDefault(
    'PORTCULLIS_SIGNING_ALGORITHM',
    'RS256',
    oneOf(...SIGNING_ALGORITHMS),
    'Algorithm of new signing keys',
  ),
  keyRotationAge: withDefault(
    'PORTCULLIS_KEY_ROTATION_AGE',
    '90d',
    or('off', duration(60, 3650 * DAY)),
    'How long a signing key signs before another takes its place; `off` for rotation by hand only',
  ),
  jwksMaxAge: withDefault('PORTCULLIS_JWKS_MAX_AGE', '300', duration(0, DAY), 'Cache lifetime of the JWKS'),
  preferredUsernameClaim: withDefault(
    'PORTCULLIS_PREFERRED_USERNAME_CLAIM',
    'off',
    onOff,
    'Whether access tokens carry `preferred_username`',
  ),
  brokerAudience: withDefault(
    'PORTCULLIS_BROKER_AUDIENCE',
    'urn:portcullis:broker',
    or('off', word),
    'Audience of `POST /token/generate`; `off` for none',
  ),
  tokenCacheEntries: withDefault(
    'PORTCULLIS_TOKEN_CACHE_ENTRIES',
    '50000',
    integer(0, 10_000_000),
    'Most verified tokens kept in memory',
  ),
  tokenCacheBytes: withDefault(
    'PORTCULLIS_TOKEN_CACHE_BYTES',
    '67108864',
    integer(0, 8 * 1024 ** 3),
    'Most bytes of verified tokens kept in memory',
  ),
} as const;
