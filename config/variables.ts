import {
  DAY,
  directory,
  domains,
  duration,
  integer,
  issuer,
  key256,
  mailbox,
  networks,
  onOff,
  oneOf,
  or,
  origins,
  password,
  roleNames,
  smtpUrl,
  url,
  username,
  word,
  type Parser,
} from './parsers.js';

/** One environment variable: how it is read, and how the README describes it. */
export interface Variable<T> {
  readonly name: string;
  /** The text that is parsed when the variable is not given; `null` when `absent` says what happens instead. */
  readonly default: string | null;
  /** The default in the README's words, where there is no default text. */
  readonly absent?: string;
  readonly parser: Parser<T>;
  readonly meaning: string;
  /** A secret's value is never repeated in a message. */
  readonly secret: boolean;
}

function withDefault<T>(name: string, text: string, parser: Parser<T>, meaning: string): Variable<T> {
  return { name, default: text, parser, meaning, secret: false };
}
function optional<T>(name: string, absent: string, parser: Parser<T>, meaning: string): Variable<T | null> {
  return { name, default: null, absent, parser, meaning, secret: false };
}
function secret<T>(name: string, absent: string, parser: Parser<T>, meaning: string): Variable<T | null> {
  return { ...optional(name, absent, parser, meaning), secret: true };
}

const LOG_LEVELS = oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent');
const POSTGRES_URL = url('postgres', 'postgresql');

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

/** Every variable that Portcullis reads. `readEnv` and the README's configuration table both come from here. */
export const VARIABLES = {
  port: withDefault('PORT', '3000', integer(0, 65_535), 'TCP port; 0 takes a free one'),
  host: withDefault('HOST', '127.0.0.1', word, 'Address to listen on (`0.0.0.0` in the image)'),
  issuer: optional('PORTCULLIS_ISSUER', '`http://localhost:<port>`', issuer, 'Public base URL: `iss`, metadata, links'),
  dataDir: withDefault(
    'PORTCULLIS_DATA_DIR',
    './data',
    directory,
    'Directory of the embedded database, the generated master key and the outbox',
  ),
  databaseUrl: secret('DATABASE_URL', 'embedded Postgres', POSTGRES_URL, 'External Postgres, 15 or newer'),
  databaseMigrationUrl: secret(
    'DATABASE_MIGRATION_URL',
    '`DATABASE_URL`',
    POSTGRES_URL,
    'Connection for migrations, when they need another user or must go past a pooler',
  ),
  databasePoolSize: withDefault(
    'PORTCULLIS_DATABASE_POOL_SIZE',
    '10',
    integer(1, 1000),
    'Most connections to Postgres, of all workers together; each has 2 more for the validity window',
  ),
  databasePrepared: withDefault(
    'PORTCULLIS_DATABASE_PREPARED',
    'on',
    onOff,
    'Named prepared statements; `off` behind poolers older than PgBouncer 1.21',
  ),
  redisUrl: secret(
    'REDIS_URL',
    'Postgres and memory',
    url('redis', 'rediss'),
    'Where rate limits are counted for several instances together',
  ),
  masterKey: secret(
    'PORTCULLIS_MASTER_KEY',
    'generated into the data directory',
    key256,
    'Encrypts private keys at rest',
  ),
  masterKeyPrevious: secret(
    'PORTCULLIS_MASTER_KEY_PREVIOUS',
    'none',
    key256,
    'A second master key, which decrypts what it once encrypted and encrypts nothing: for the time of a rotation',
  ),
  adminUsername: withDefault('PORTCULLIS_ADMIN_USERNAME', 'admin', username, 'Name of the first admin'),
  adminPassword: secret(
    'PORTCULLIS_ADMIN_PASSWORD',
    'generated, printed once, to be changed at first login',
    password,
    'Password of the first admin; one given here need not be changed',
  ),
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
    'How long nobody else gets the name of a deleted user, or a former name or address',
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
  passwordMinLength: withDefault(
    'PORTCULLIS_PASSWORD_MIN_LENGTH',
    '12',
    integer(8, 64),
    'Shortest password, in characters',
  ),
  passwordMaxLength: withDefault(
    'PORTCULLIS_PASSWORD_MAX_LENGTH',
    '256',
    integer(64, 1024),
    'Longest password, in characters',
  ),
  mfaRequiredRoles: optional(
    'PORTCULLIS_MFA_REQUIRED_ROLES',
    'none',
    roleNames,
    'Roles whose users need a second factor: without one they may set one up, and nothing else',
  ),
  breachedPasswordsUrl: optional(
    'PORTCULLIS_BREACHED_PASSWORDS_URL',
    'none',
    url('https', 'http'),
    'Range search for passwords known from breaches, such as `https://api.pwnedpasswords.com/range`; it is told 5 digits of a hash',
  ),
  argon2MemoryKib: withDefault(
    'PORTCULLIS_ARGON2_MEMORY_KIB',
    '19456',
    integer(8, 1024 ** 2),
    'argon2id memory per hash, in KiB',
  ),
  argon2Iterations: withDefault('PORTCULLIS_ARGON2_ITERATIONS', '2', integer(1, 100), 'argon2id iterations'),
  argon2Parallelism: withDefault('PORTCULLIS_ARGON2_PARALLELISM', '1', integer(1, 16), 'argon2id lanes'),
  argon2AllowWeak: withDefault(
    'PORTCULLIS_ARGON2_ALLOW_WEAK',
    'off',
    onOff,
    'Accepts argon2id parameters below the OWASP minimum; for tests only',
  ),
  hashConcurrency: optional(
    'PORTCULLIS_HASH_CONCURRENCY',
    'number of cores',
    integer(1, 256),
    'Password hashes computed at once, by all workers together',
  ),
  hashQueue: withDefault(
    'PORTCULLIS_HASH_QUEUE',
    '64',
    integer(0, 100_000),
    'Password hashes that may wait; beyond that a login is told to come back',
  ),
  rateLimits: withDefault(
    'PORTCULLIS_RATE_LIMITS',
    'on',
    onOff,
    'Rate limits; account lockout stays on either way. `off` for tests and benchmarks',
  ),
  smtpUrl: secret('PORTCULLIS_SMTP_URL', 'outbox in the data directory', smtpUrl, 'Where mail goes'),
  mailFrom: optional('PORTCULLIS_MAIL_FROM', '`portcullis@<host of the issuer>`', mailbox, 'Whom mails are from'),
  mailTemplates: optional(
    'PORTCULLIS_MAIL_TEMPLATES',
    'built in',
    directory,
    'Directory of templates for mails; those that are not in it are the built-in ones',
  ),
  pagesUrl: optional(
    'PORTCULLIS_PAGES_URL',
    'the issuer',
    issuer,
    'Base URL of your pages that links in mails lead to',
  ),
  resetTtl: withDefault(
    'PORTCULLIS_RESET_TTL',
    '1h',
    duration(60, DAY),
    'How long the link in a mail for a forgotten password is good',
  ),
  invitationTtl: withDefault(
    'PORTCULLIS_INVITATION_TTL',
    '7d',
    duration(60, 30 * DAY),
    'How long the link in an invitation is good',
  ),
  verificationTtl: withDefault(
    'PORTCULLIS_VERIFICATION_TTL',
    '24h',
    duration(60, 30 * DAY),
    'How long the link in a mail that proves an address is good',
  ),
  registration: withDefault(
    'PORTCULLIS_REGISTRATION',
    'off',
    onOff,
    'Whether people may make accounts for themselves, without any role',
  ),
  registrationDomains: optional(
    'PORTCULLIS_REGISTRATION_DOMAINS',
    'any',
    domains,
    'Domains of the addresses that may register, exactly as they are: not what is below them',
  ),
  trustedProxies: optional(
    'PORTCULLIS_TRUSTED_PROXIES',
    'none',
    networks,
    'Proxies whose `X-Forwarded-*` headers are believed',
  ),
  corsOrigins: optional('PORTCULLIS_CORS_ORIGINS', 'none', origins, 'Origins whose pages may call the API'),
  bodyLimit: withDefault(
    'PORTCULLIS_BODY_LIMIT',
    '65536',
    integer(1024, 16 * 1024 ** 2),
    'Largest request body, in bytes',
  ),
  requestTimeoutMs: withDefault(
    'PORTCULLIS_REQUEST_TIMEOUT_MS',
    '15000',
    integer(100, 600_000),
    'Time (ms) to receive and answer a request',
  ),
  shutdownTimeoutMs: withDefault(
    'PORTCULLIS_SHUTDOWN_TIMEOUT_MS',
    '10000',
    integer(0, 600_000),
    'Time (ms) that requests in flight get when the service is told to stop',
  ),
  workers: withDefault(
    'PORTCULLIS_WORKERS',
    '1',
    or('auto', integer(1, 256)),
    'Processes that serve requests; `auto` for one per core, as far as there are connections',
  ),
  logLevel: withDefault('PORTCULLIS_LOG_LEVEL', 'info', LOG_LEVELS, 'Least severe level that is logged'),
} as const;

/** The README's configuration table in Markdown, one row per variable. */
export function configurationTable(): string {
  const rows = Object.values(VARIABLES).map((variable: Variable<unknown>) => {
    const fallback = variable.default === null ? variable.absent : `\`${variable.default}\``;
    return `| \`${variable.name}\` | ${fallback ?? ''} | ${variable.meaning} | ${variable.parser.expected} |`;
  });
  return ['| variable | default | meaning | accepted |', '|---|---|---|---|', ...rows].join('\n');
}
