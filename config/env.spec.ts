import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { childEnvironment, EnvError, readEnv, VARIABLES } from './env.js';

type Source = Record<string, string | undefined>;

function problemsOf(source: Source): readonly string[] {
  try {
    readEnv(source);
    return [];
  } catch (error) {
    if (error instanceof EnvError) return error.problems;
    throw error;
  }
}

describe('readEnv', () => {
  it('needs nothing', () => {
    const env = readEnv({});
    expect(isAbsolute(env.dataDir)).toBe(true);
    expect({ ...env, dataDir: '' }).toEqual({
      port: 3000,
      host: '127.0.0.1',
      databaseUrl: null,
      databaseMigrationUrl: null,
      databasePoolSize: 10,
      databasePrepared: true,
      redisUrl: null,
      dataDir: '',
      issuer: 'http://localhost:3000',
      admin: { username: 'admin', password: null },
      masterKey: null,
      masterKeyPrevious: null,
      accessTokenTtl: 300,
      maxTokenTtl: 86_400,
      refreshTokenTtl: 2_592_000,
      sessionIdleTtl: null,
      sessionMaxTtl: 7_776_000,
      maxSessionsPerUser: null,
      nameQuarantine: 2_592_000,
      refreshGraceSeconds: 10,
      maxStalenessMs: 0,
      signingAlgorithm: 'RS256',
      keyRotationAge: 90 * 24 * 3600,
      jwksMaxAge: 300,
      preferredUsernameClaim: false,
      brokerAudience: 'urn:portcullis:broker',
      tokenCache: { entries: 50_000, bytes: 64 * 1024 * 1024 },
      password: { minLength: 12, maxLength: 256 },
      mfaRequiredRoles: [],
      breachedPasswordsUrl: null,
      argon2: { memoryKib: 19_456, iterations: 2, parallelism: 1 },
      hashConcurrency: availableParallelism(),
      hashQueue: 64,
      rateLimits: true,
      smtpUrl: null,
      mail: {
        from: { name: '', address: 'portcullis@localhost' },
        templates: null,
        pagesUrl: 'http://localhost:3000',
      },
      registration: { on: false, domains: null },
      linkTtl: { reset: 3600, invitation: 7 * 24 * 3600, verification: 24 * 3600 },
      trustedProxies: [],
      corsOrigins: [],
      bodyLimit: 65_536,
      requestTimeoutMs: 15_000,
      shutdownTimeoutMs: 10_000,
      workers: 1,
      logLevel: 'info',
    });
  });

  it('takes an empty string for not given', () => {
    const empty = Object.fromEntries(Object.values(VARIABLES).map(({ name }) => [name, '']));
    expect(readEnv({ ...empty, PORTCULLIS_UNKNOWN: '' })).toEqual(readEnv({}));
  });

  it('is frozen in depth', () => {
    const env = readEnv({ PORTCULLIS_CORS_ORIGINS: 'https://a.example' });
    const parts = [env, ...Object.values<unknown>({ ...env })];
    expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([]);
  });

  it('derives the issuer from the port, and the migration connection from the database', () => {
    const databaseUrl = 'postgres://u:p@db/portcullis';
    expect(readEnv({ PORT: '8080', DATABASE_URL: databaseUrl })).toMatchObject({
      issuer: 'http://localhost:8080',
      databaseMigrationUrl: databaseUrl,
    });
    expect(readEnv({ DATABASE_URL: databaseUrl, DATABASE_MIGRATION_URL: 'postgres://owner@db/x' })).toMatchObject({
      databaseUrl,
      databaseMigrationUrl: 'postgres://owner@db/x',
    });
  });

  it('tells all problems at once, one per line', () => {
    const source = { PORT: '70000', DATABASE_URL: 'mysql://root:hunter2@db/x', PORTCULLIS_ISSUR: 'http://x' };
    expect(problemsOf(source)).toEqual([
      'PORT is "70000"; expected a whole number from 0 to 65535',
      'DATABASE_URL is not usable; expected a URL that starts with postgres:// or postgresql://',
      'PORTCULLIS_ISSUR is not a variable of Portcullis; did you mean PORTCULLIS_ISSUER?',
    ]);
    expect(() => readEnv(source)).toThrow(new EnvError(problemsOf(source)));
  });

  it('ignores names of others, and those that Kubernetes adds for a service named portcullis', () => {
    const links = {
      PORTCULLIS_SERVICE_HOST: '10.0.0.1',
      PORTCULLIS_SERVICE_PORT_HTTP: '80',
      PORTCULLIS_PORT: 'tcp://10.0.0.1:80',
      PORTCULLIS_PORT_80_TCP: 'tcp://10.0.0.1:80',
      PORTCULLIS_PORT_80_TCP_ADDR: '10.0.0.1',
      PORTCULLIS_POSTGRES_PORT_5432_TCP_PROTO: 'tcp',
    };
    expect(problemsOf({ HOME: '/root', PORTS: '1', ...links })).toEqual([]);
    expect(problemsOf({ PORTCULLIS_PORT: '3000' })).toHaveLength(1);
  });

  it('never repeats a secret', () => {
    const secrets = Object.values(VARIABLES).filter(({ secret }) => secret);
    expect(secrets.map(({ name }) => name).sort()).toEqual([
      'DATABASE_MIGRATION_URL',
      'DATABASE_URL',
      'PORTCULLIS_ADMIN_PASSWORD',
      'PORTCULLIS_MASTER_KEY',
      'PORTCULLIS_MASTER_KEY_PREVIOUS',
      'PORTCULLIS_SMTP_URL',
      'REDIS_URL',
    ]);
    const secretText = fc.stringMatching(/^[A-Z]{7}$/).map((text) => `#${text}#`);
    fc.assert(
      fc.property(fc.constantFrom(...secrets), secretText, (variable, text) => {
        const problems = problemsOf({ [variable.name]: text });
        expect(problems.length).toBeGreaterThan(0);
        expect(problems.join('\n')).not.toContain(text);
      }),
    );
    expect(problemsOf({ PORTCULLIS_ISSUER: 'https://me:hunter2@a.example' })[0]).not.toContain('hunter2');
  });
});

/** Each line: a variable, texts that are accepted, texts that are refused. */
const ACCEPTANCE: [name: string, accepted: string[], refused: string[]][] = [
  ['PORT', ['0', '65535'], ['-1', '65536', '1e3', '0x10', ' 1', '3000.5', 'http']],
  ['HOST', ['::', '0.0.0.0', 'localhost'], ['a b']],
  [
    'DATABASE_URL',
    ['postgresql://db', 'postgres://u@/x?host=/tmp', 'postgres:///x'],
    ['db', 'http://db', 'postgres:x'],
  ],
  ['REDIS_URL', ['redis://r:6379', 'rediss://:secret@r'], ['r:6379']],
  [
    'PORTCULLIS_SMTP_URL',
    [
      'smtps://u:p@mail:465',
      'smtp://u:p@mail',
      'smtp://[::1]:25/',
      'smtp://mail?tls=optional',
      'smtp://mail:25/?tls=optional',
    ],
    [
      ...[
        'mail',
        'http://mail',
        'smtp://mail?tls=off',
        'smtp://mail?TLS=optional',
        'smtp://mail?tls=optional&x',
        'smtp://mail/x',
        'smtp://mail#x',
      ],
      ...['smtps://mail?tls=optional', 'smtp://u:p@mail?tls=optional', 'smtp://'],
    ],
  ],
  [
    'PORTCULLIS_MAIL_FROM',
    ['auth@example.org', 'Example <auth@example.org>', '<auth@localhost>'],
    ['auth', 'a@b, c@d', 'Example <a@b> <c@d>', 'Ex\nBcc: x <a@b>', 'a b@c', '"a@b"@c'],
  ],
  ['PORTCULLIS_PAGES_URL', ['https://app.example/account'], ['https://app.example/', 'app.example']],
  ['PORTCULLIS_RESET_TTL', ['15m'], ['10s', '2d']],
  ['PORTCULLIS_INVITATION_TTL', ['30d'], ['31d']],
  ['PORTCULLIS_REGISTRATION', ['on', 'off'], ['yes']],
  [
    'PORTCULLIS_REGISTRATION_DOMAINS',
    ['example.org, mail.example.com'],
    ['@example.org', '*.example.org', 'Example.org'],
  ],
  ['PORTCULLIS_VERIFICATION_TTL', ['30d'], ['31d']],
  [
    'PORTCULLIS_ISSUER',
    ['https://a.example', 'http://localhost:3000', 'https://a.example/auth'],
    [
      'a.example',
      'ftp://a.example',
      'https://a.example/',
      'https://a.example/auth/',
      'https://a.example?x=1',
      'https://a.example#x',
      'https://u@a.example',
      'https://A.example',
      'https://a.example:443',
    ],
  ],
  ['PORTCULLIS_ADMIN_USERNAME', ['root', 'Zoë'], ['a@b', 'a b', 'x'.repeat(65)]],
  ['PORTCULLIS_ADMIN_PASSWORD', ['twelve chars', 'x'.repeat(256)], ['eleven char', '🔒'.repeat(11), 'x'.repeat(257)]],
  [
    'PORTCULLIS_MASTER_KEY',
    [Buffer.alloc(32, 251).toString('base64'), Buffer.alloc(32, 251).toString('base64url')],
    [Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), 'f'.repeat(64), 'not a key'],
  ],
  ['PORTCULLIS_MASTER_KEY_PREVIOUS', [Buffer.alloc(32, 250).toString('base64')], [Buffer.alloc(31).toString('base64')]],
  ['PORTCULLIS_ACCESS_TOKEN_TTL', ['10', '3600', '60s', '15m', '1h'], ['9', '3601', '2h', '15 m', '-5m', '5M', 'm']],
  ['PORTCULLIS_MAX_TOKEN_TTL', ['300', '366d'], ['299', '367d']],
  ['PORTCULLIS_REFRESH_TOKEN_TTL', ['1', '30d'], ['0']],
  ['PORTCULLIS_REFRESH_GRACE_SECONDS', ['0', '30'], ['301']],
  ['PORTCULLIS_MAX_STALENESS_MS', ['0', '5000'], ['5s']],
  ['PORTCULLIS_JWKS_MAX_AGE', ['0', '1d'], ['2d']],
  ['PORTCULLIS_RATE_LIMITS', ['on', 'off', 'true', 'false'], ['yes', 'OFF', '0']],
  ['PORTCULLIS_SIGNING_ALGORITHM', ['EdDSA', 'PS384'], ['HS256', 'none', 'rs256']],
  ['PORTCULLIS_BROKER_AUDIENCE', ['off', 'urn:x'], ['a b']],
  ['PORTCULLIS_KEY_ROTATION_AGE', ['off', '60', '90d'], ['59', '0', 'on', '3651d']],
  [
    'PORTCULLIS_TRUSTED_PROXIES',
    ['10.0.0.1', '10.0.0.0/8, ::1', 'fd00::/8'],
    ['10.0.0.0/33', 'proxy', '::/129', '1.2.3.4,', '1.2.3.4/8/8'],
  ],
  [
    'PORTCULLIS_CORS_ORIGINS',
    ['https://a.example,http://localhost:5173'],
    ['*', 'null', 'https://a.example/', 'https://*.a.example', 'a.example'],
  ],
  ['PORTCULLIS_MFA_REQUIRED_ROLES', ['admin', 'admin, on-call'], ['a b', 'admin,,x']],
  ['PORTCULLIS_WORKERS', ['auto', '1', '10'], ['0', '257', 'Auto', '1.5', 'all']],
  ['PORTCULLIS_LOG_LEVEL', ['silent'], ['verbose']],
  ['PORTCULLIS_PASSWORD_MIN_LENGTH', ['8', '64'], ['7', '65']],
];

describe.each(ACCEPTANCE)('%s', (name, accepted, refused) => {
  it.each(accepted)('may be %j', (text) => {
    expect(problemsOf({ [name]: text })).toEqual([]);
  });

  it.each(refused)('may not be %j', (text) => {
    expect(problemsOf({ [name]: text })).toEqual([expect.stringContaining(name)]);
  });
});

describe('durations', () => {
  it('are read in their unit', () => {
    const units = fc.constantFrom<[string, number]>(['', 1], ['s', 1], ['m', 60], ['h', 3600], ['d', 86_400]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 366 }), units, (count, [unit, seconds]) => {
        const env = readEnv({ PORTCULLIS_REFRESH_TOKEN_TTL: `${count}${unit}` });
        expect(env.refreshTokenTtl).toBe(count * seconds);
      }),
    );
  });
});

describe('rules between variables', () => {
  it('keeps the longest lifetime at or above that of access tokens', () => {
    const source = { PORTCULLIS_ACCESS_TOKEN_TTL: '10m', PORTCULLIS_MAX_TOKEN_TTL: '5m' };
    expect(problemsOf(source)).toEqual([
      'PORTCULLIS_MAX_TOKEN_TTL is 300 s; expected at least PORTCULLIS_ACCESS_TOKEN_TTL, which is 600 s',
    ]);
  });

  it('says nothing about a relation when one side could not be read', () => {
    expect(problemsOf({ PORTCULLIS_ACCESS_TOKEN_TTL: 'soon', PORTCULLIS_MAX_TOKEN_TTL: '20' })).toHaveLength(1);
  });

  it('lets every worker have a connection', () => {
    expect(problemsOf({ PORTCULLIS_WORKERS: '11' })).toEqual([
      'PORTCULLIS_WORKERS is 11; expected at most PORTCULLIS_DATABASE_POOL_SIZE, which is 10: each needs a connection',
    ]);
    expect(problemsOf({ PORTCULLIS_WORKERS: '11', PORTCULLIS_DATABASE_POOL_SIZE: '11' })).toEqual([]);
    const pool = { PORTCULLIS_WORKERS: 'auto', PORTCULLIS_DATABASE_POOL_SIZE: '1' };
    expect(readEnv(pool).workers).toBe(1);
  });

  it('measures the admin password against the configured lengths', () => {
    expect(problemsOf({ PORTCULLIS_ADMIN_PASSWORD: 'eightchr', PORTCULLIS_PASSWORD_MIN_LENGTH: '8' })).toEqual([]);
  });

  it('refuses a migration connection to a database that is not the one in use', () => {
    expect(problemsOf({ DATABASE_MIGRATION_URL: 'postgres://db/x' })).toHaveLength(1);
  });

  const argon2 = (memory: number, iterations: number, parallelism = 1): Source => ({
    PORTCULLIS_ARGON2_MEMORY_KIB: String(memory),
    PORTCULLIS_ARGON2_ITERATIONS: String(iterations),
    PORTCULLIS_ARGON2_PARALLELISM: String(parallelism),
  });

  it.each([
    [47_104, 1],
    [19_456, 2],
    [12_288, 3],
    [9_216, 4],
    [7_168, 5],
    [7_168, 50],
  ])('accepts argon2id with %d KiB and %d iterations, but not with 1 KiB less', (memory, iterations) => {
    expect(problemsOf(argon2(memory, iterations))).toEqual([]);
    expect(problemsOf(argon2(memory - 1, iterations))).toHaveLength(1);
  });

  it('accepts weak argon2id parameters only when told to, and never what argon2 itself refuses', () => {
    expect(problemsOf({ ...argon2(8, 1), PORTCULLIS_ARGON2_ALLOW_WEAK: 'on' })).toEqual([]);
    expect(problemsOf({ ...argon2(8, 1, 2), PORTCULLIS_ARGON2_ALLOW_WEAK: 'on' })).toHaveLength(1);
  });
});

describe('childEnvironment', () => {
  it('leaves out the configuration and what the caller does not want', () => {
    const source = { PATH: '/bin', PGHOST: 'x', DATABASE_URL: 'postgres://x', PORTCULLIS_MASTER_KEY: 'k' };
    expect(childEnvironment(/^PG/, source)).toEqual({ PATH: '/bin' });
  });
});
