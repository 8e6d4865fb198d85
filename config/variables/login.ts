import { integer, onOff, roleNames, url } from '../parsers.js';
import { optional, withDefault } from '../variable.js';

/** What a login asks for, and how often. */
export const LOGIN = {
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
} as const;
