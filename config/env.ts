import { availableParallelism } from 'node:os';
import { nearestName } from './nearest-name.js';
import type { Mailbox } from './parsers.js';
import { VARIABLES, type Variable } from './variables.js';

export { configurationTable, SIGNING_ALGORITHMS, VARIABLES } from './variables.js';

/** The configuration, read once at start. Frozen in depth, except for the bytes of the master keys. */
export interface Env {
  /** 0 means a free port. */
  readonly port: number;
  readonly host: string;
  /** `null` means the embedded Postgres. */
  readonly databaseUrl: string | null;
  /** Falls back to `databaseUrl`. */
  readonly databaseMigrationUrl: string | null;
  readonly databasePoolSize: number;
  readonly databasePrepared: boolean;
  /** `null` means memory. */
  readonly redisUrl: string | null;
  /** An absolute path. */
  readonly dataDir: string;
  /** Without a trailing slash. When it is not given and `port` is 0, it names port 0: only the listener knows the real one. */
  readonly issuer: string;
  readonly admin: {
    readonly username: string;
    /** `null` means to be generated. */
    readonly password: string | null;
  };
  /** 32 bytes; `null` means to be generated into `dataDir`. */
  readonly masterKey: Buffer | null;
  /** 32 bytes; `null` unless the master key is being rotated. */
  readonly masterKeyPrevious: Buffer | null;
  /** Seconds. */
  readonly accessTokenTtl: number;
  /** Seconds, at least `accessTokenTtl`. */
  readonly maxTokenTtl: number;
  /** Seconds. */
  readonly refreshTokenTtl: number;
  /** Seconds; `null` means that of refresh tokens. */
  readonly sessionIdleTtl: number | null;
  /** Seconds; `null` means as long as it is used. */
  readonly sessionMaxTtl: number | null;
  /** `null` means any number. */
  readonly maxSessionsPerUser: number | null;
  /** Seconds; 0 means that names are free at once. */
  readonly nameQuarantine: number;
  readonly refreshGraceSeconds: number;
  readonly maxStalenessMs: number;
  readonly signingAlgorithm: SigningAlgorithm;
  /** Seconds; `null` means that keys are rotated by hand only. */
  readonly keyRotationAge: number | null;
  /** Seconds. */
  readonly jwksMaxAge: number;
  readonly preferredUsernameClaim: boolean;
  /** `null` means that there is no broker. */
  readonly brokerAudience: string | null;
  readonly tokenCache: { readonly entries: number; readonly bytes: number };
  /** Lengths in characters (code points). */
  readonly password: { readonly minLength: number; readonly maxLength: number };
  /** Names of roles whose users need a second factor. */
  readonly mfaRequiredRoles: readonly string[];
  /** `null` means that nobody is asked. */
  readonly breachedPasswordsUrl: string | null;
  readonly argon2: { readonly memoryKib: number; readonly iterations: number; readonly parallelism: number };
  readonly hashConcurrency: number;
  readonly hashQueue: number;
  readonly rateLimits: boolean;
  /** `null` means the outbox in `dataDir`. */
  readonly smtpUrl: string | null;
  readonly mail: {
    readonly from: Mailbox;
    /** An absolute path; `null` means the built-in templates. */
    readonly templates: string | null;
    /** Base URL of the pages that links lead to, without a trailing slash. */
    readonly pagesUrl: string;
  };
  readonly registration: {
    readonly on: boolean;
    /** In lower case; `null` means any. */
    readonly domains: readonly string[] | null;
  };
  /** Seconds for which the links in mails are good. */
  readonly linkTtl: { readonly reset: number; readonly invitation: number; readonly verification: number };
  /** IP addresses and CIDR blocks. */
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
  /** Bytes. */
  readonly bodyLimit: number;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  /** Processes that serve; 1 means this one. */
  readonly workers: number;
  readonly logLevel: LogLevel;
}

/** What a room injects the configuration by: `@Inject(ENV) env: Env`. */
export const ENV = Symbol('ENV');

export type SigningAlgorithm = Values['signingAlgorithm'];
export type LogLevel = Values['logLevel'];

type Field = keyof typeof VARIABLES;
type Values = { readonly [F in Field]: (typeof VARIABLES)[F] extends Variable<infer T> ? T : never };
type Source = Readonly<Record<string, string | undefined>>;

/** The configuration cannot be used. `problems` has one line for each thing that is wrong, and no secrets. */
export class EnvError extends Error {
  override readonly name = 'EnvError';

  constructor(readonly problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.join('\n')}`);
  }
}

/**
 * Reads and checks the whole configuration. An empty string counts as not given.
 *
 * @throws {EnvError} with every problem at once.
 */
export function readEnv(source: Source = process.env): Env {
  const values: Partial<Record<Field, unknown>> = {};
  const problems: string[] = [];
  for (const [field, variable] of Object.entries(VARIABLES) as [Field, Variable<unknown>][]) {
    const text = source[variable.name] || variable.default;
    values[field] = text === null ? null : variable.parser.parse(text);
    if (text !== null && values[field] === undefined) problems.push(unacceptable(variable, text));
  }
  for (const rule of RULES) {
    const problem = rule.between.some((field) => values[field] === undefined) ? null : rule.check(values as Values);
    if (problem) problems.push(problem);
  }
  problems.push(...unknownNames(source));
  if (problems.length > 0) throw new EnvError(problems);
  return assemble(values as Values);
}

/**
 * The environment to give to a child process: this process's own, without Portcullis's configuration (a child has no use
 * for its secrets) and without the names that `unwanted` matches.
 */
export function childEnvironment(unwanted: RegExp, source: Source = process.env): Record<string, string | undefined> {
  const ours = new Set<string>(Object.values(VARIABLES).map(({ name }) => name));
  return Object.fromEntries(Object.entries(source).filter(([name]) => !ours.has(name) && !unwanted.test(name)));
}

interface Rule {
  /** The rule is asked only when each of these could be parsed. */
  readonly between: readonly Field[];
  /** The problem, or `null`. */
  readonly check: (values: Values) => string | null;
}

const RULES: readonly Rule[] = [
  {
    between: ['databaseUrl', 'databaseMigrationUrl'],
    check: ({ databaseUrl, databaseMigrationUrl }) =>
      databaseMigrationUrl !== null && databaseUrl === null
        ? 'DATABASE_MIGRATION_URL is given without DATABASE_URL; expected both, or DATABASE_URL alone'
        : null,
  },
  {
    between: ['accessTokenTtl', 'maxTokenTtl'],
    check: ({ accessTokenTtl, maxTokenTtl }) =>
      maxTokenTtl < accessTokenTtl
        ? `PORTCULLIS_MAX_TOKEN_TTL is ${maxTokenTtl} s; expected at least PORTCULLIS_ACCESS_TOKEN_TTL, which is ${accessTokenTtl} s`
        : null,
  },
  {
    between: ['workers', 'databasePoolSize'],
    check: ({ workers, databasePoolSize }) =>
      workers !== 'auto' && workers > databasePoolSize
        ? `PORTCULLIS_WORKERS is ${workers}; expected at most PORTCULLIS_DATABASE_POOL_SIZE, which is ${databasePoolSize}: each needs a connection`
        : null,
  },
  {
    between: ['adminPassword', 'passwordMinLength', 'passwordMaxLength'],
    check: ({ adminPassword, passwordMinLength: min, passwordMaxLength: max }) => {
      const length = adminPassword === null ? min : Array.from(adminPassword).length;
      return length < min || length > max
        ? `PORTCULLIS_ADMIN_PASSWORD is too ${length < min ? 'short' : 'long'}; expected ${min} to ${max} characters`
        : null;
    },
  },
  {
    between: ['argon2MemoryKib', 'argon2Parallelism'],
    check: ({ argon2MemoryKib, argon2Parallelism }) =>
      argon2MemoryKib < 8 * argon2Parallelism
        ? `PORTCULLIS_ARGON2_MEMORY_KIB is ${argon2MemoryKib}; expected at least 8 for each lane of PORTCULLIS_ARGON2_PARALLELISM (RFC 9106 section 3.1)`
        : null,
  },
  {
    between: ['argon2MemoryKib', 'argon2Iterations', 'argon2AllowWeak'],
    check: ({ argon2MemoryKib: memory, argon2Iterations: iterations, argon2AllowWeak }) => {
      const least = leastMemoryKib(iterations);
      return memory < least && !argon2AllowWeak
        ? `PORTCULLIS_ARGON2_MEMORY_KIB is ${memory}; expected at least ${least} for PORTCULLIS_ARGON2_ITERATIONS of ${iterations} (OWASP minimum)`
        : null;
    },
  },
];

/** OWASP's equally strong argon2id settings with one lane (Password Storage Cheat Sheet): fewer iterations cost more memory. */
function leastMemoryKib(iterations: number): number {
  return [47_104, 19_456, 12_288, 9_216][iterations - 1] ?? 7_168;
}

function unacceptable({ name, parser, secret }: Variable<unknown>, text: string): string {
  const withoutCredentials = text.replace(/\/\/[^/]*@/, '//***@');
  return `${name} is ${secret ? 'not usable' : JSON.stringify(withoutCredentials)}; expected ${parser.expected}`;
}

function unknownNames(source: Source): string[] {
  const known = new Set<string>(Object.values(VARIABLES).map(({ name }) => name));
  return Object.entries(source)
    .filter(([name, text]) => name.startsWith('PORTCULLIS_') && !known.has(name) && text)
    .filter(([name, text]) => !isKubernetesServiceLink(name, text ?? ''))
    .map(([name]) => `${name} is not a variable of Portcullis; did you mean ${nearestName(name, [...known])}?`);
}

/** Kubernetes puts such variables into every pod beside a service that is named `portcullis` or `portcullis-…`. */
function isKubernetesServiceLink(name: string, text: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_\w+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text))
  );
}

function assemble(values: Values): Env {
  const brokerAudience = values.brokerAudience === 'off' ? null : values.brokerAudience;
  const issuer = values.issuer ?? `http://localhost:${values.port}`;
  return Object.freeze({
    port: values.port,
    host: values.host,
    databaseUrl: values.databaseUrl,
    databaseMigrationUrl: values.databaseMigrationUrl ?? values.databaseUrl,
    databasePoolSize: values.databasePoolSize,
    databasePrepared: values.databasePrepared,
    redisUrl: values.redisUrl,
    dataDir: values.dataDir,
    issuer,
    admin: Object.freeze({ username: values.adminUsername, password: values.adminPassword }),
    masterKey: values.masterKey,
    masterKeyPrevious: values.masterKeyPrevious,
    accessTokenTtl: values.accessTokenTtl,
    maxTokenTtl: values.maxTokenTtl,
    refreshTokenTtl: values.refreshTokenTtl,
    sessionIdleTtl: values.sessionIdleTtl,
    sessionMaxTtl: values.sessionMaxTtl === 'off' ? null : values.sessionMaxTtl,
    maxSessionsPerUser: values.maxSessionsPerUser === 'off' ? null : values.maxSessionsPerUser,
    nameQuarantine: values.nameQuarantine === 'off' ? 0 : values.nameQuarantine,
    refreshGraceSeconds: values.refreshGraceSeconds,
    maxStalenessMs: values.maxStalenessMs,
    signingAlgorithm: values.signingAlgorithm,
    keyRotationAge: values.keyRotationAge === 'off' ? null : values.keyRotationAge,
    jwksMaxAge: values.jwksMaxAge,
    preferredUsernameClaim: values.preferredUsernameClaim,
    brokerAudience,
    tokenCache: Object.freeze({ entries: values.tokenCacheEntries, bytes: values.tokenCacheBytes }),
    password: Object.freeze({ minLength: values.passwordMinLength, maxLength: values.passwordMaxLength }),
    mfaRequiredRoles: Object.freeze([...(values.mfaRequiredRoles ?? [])]),
    breachedPasswordsUrl: values.breachedPasswordsUrl,
    argon2: Object.freeze({
      memoryKib: values.argon2MemoryKib,
      iterations: values.argon2Iterations,
      parallelism: values.argon2Parallelism,
    }),
    hashConcurrency: values.hashConcurrency ?? availableParallelism(),
    hashQueue: values.hashQueue,
    rateLimits: values.rateLimits,
    smtpUrl: values.smtpUrl,
    mail: Object.freeze({
      from: values.mailFrom ?? Object.freeze({ name: '', address: `portcullis@${new URL(issuer).hostname}` }),
      templates: values.mailTemplates,
      pagesUrl: values.pagesUrl ?? issuer,
    }),
    registration: Object.freeze({
      on: values.registration,
      domains: values.registrationDomains && Object.freeze([...values.registrationDomains]),
    }),
    linkTtl: Object.freeze({
      reset: values.resetTtl,
      invitation: values.invitationTtl,
      verification: values.verificationTtl,
    }),
    trustedProxies: Object.freeze([...(values.trustedProxies ?? [])]),
    corsOrigins: Object.freeze([...(values.corsOrigins ?? [])]),
    bodyLimit: values.bodyLimit,
    requestTimeoutMs: values.requestTimeoutMs,
    shutdownTimeoutMs: values.shutdownTimeoutMs,
    workers: values.workers === 'auto' ? Math.min(availableParallelism(), values.databasePoolSize) : values.workers,
    logLevel: values.logLevel,
  });
}
