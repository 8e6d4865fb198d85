import { DEFAULT_TIME_LIMITS, type TimeLimits } from './claims.js';
import type { ClientCredentials } from './client-token.js';
import type { Decision, Notice } from './decisions.js';
import { issuerUrl } from './issuer-url.js';
import { assertKnownNames, assertNumber, assertType } from './option-checks.js';
import { isSubscriberName, SUBSCRIBER_FORM } from './subscriber-name.js';
import type { TokenCacheLimits } from './token-cache.js';

/**
 * What to do with a token while the window is older than `maxStaleness`: `refuse` (StaleWindowError: answer 503), `introspect` (ask the issuer about each
 * token, and refuse when it does not answer), or `accept-until-exp` (decide by what was last known; a token ended since is accepted).
 */
export type OnStale = 'refuse' | 'introspect' | 'accept-until-exp';

const ON_STALE: ReadonlySet<unknown> = new Set<OnStale>(['refuse', 'introspect', 'accept-until-exp']);
const LONGEST_STALENESS = 3_600_000;
/** In seconds. */
const MOST_TOLERANCE = 3_600;
/** A map holds not many more. */
const MOST_CACHED = 10_000_000;

export interface VerifierOptions {
  /** The `iss` of every accepted token, and where its metadata and keys are found. */
  issuer: string;
  /** The identifier of this service: every accepted token names it in `aud`. */
  audience: string;
  /** The client by which this service follows the feed (permission `validity:read`). Without it tokens are verified by signature and claims alone. */
  clientId?: string;
  clientSecret?: string;
  /** Access tokens (RFC 9068) are accepted, and no others; see `BrokerVerifierOptions` for those of message brokers. */
  tokenType?: 'access';
  /** Addresses at which the issuer's instances are reached; the issuer by default. When one fails, the next is asked. */
  urls?: readonly string[];
  /** How old the window may be when a request is decided, in ms; 5000 by default. */
  maxStaleness?: number;
  onStale?: OnStale;
  /** Permits an issuer by plain HTTP beyond this machine. */
  allowInsecure?: boolean;
  /** Refuse what was issued longer ago, in seconds. */
  maxAgeSeconds?: number;
  /** How far ahead of the clock `nbf` and `iat` may lie, in seconds; 5 by default. */
  clockToleranceSeconds?: number;
  cache?: Partial<TokenCacheLimits>;
  /** How this instance calls itself in the issuer's list of subscribers; host name and a random suffix by default. */
  subscriber?: string;
  /** Told what an operator wants to know: the feed lost or found again, each token accepted on old knowledge. `console.warn` by default. */
  onNotice?: (notice: Notice) => void;
  /** Told of each decision, for metrics. What it throws is ignored. */
  onDecision?: (decision: Decision) => void;
}

/** For a message broker: its tokens (`broker+jwt`) are accepted, and no access tokens. */
export interface BrokerVerifierOptions extends Omit<VerifierOptions, 'tokenType'> {
  tokenType: 'broker';
}

export interface VerifyTokenOptions {
  /** For this request instead of the verifier's own. */
  readonly onStale?: OnStale | undefined;
  /** In ms, for this request instead of the verifier's own. 0: as of this moment, at the price of a question that requests share. */
  readonly maxStaleness?: number | undefined;
}

/** The options with their defaults. */
export interface VerifierSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly urls: readonly string[];
  readonly credentials: ClientCredentials | undefined;
  readonly tokenType: 'access' | 'broker';
  readonly maxStaleness: number;
  readonly onStale: OnStale;
  readonly limits: TimeLimits;
}

/** Each of them, so that the compiler asks for one that is added. */
const OPTIONS: Readonly<Record<keyof VerifierOptions, true>> = {
  issuer: true,
  audience: true,
  clientId: true,
  clientSecret: true,
  tokenType: true,
  urls: true,
  maxStaleness: true,
  onStale: true,
  allowInsecure: true,
  maxAgeSeconds: true,
  clockToleranceSeconds: true,
  cache: true,
  subscriber: true,
  onNotice: true,
  onDecision: true,
};
const OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(OPTIONS));
const CACHE_OPTION_NAMES: ReadonlySet<string> = new Set(['maxEntries', 'maxBytes']);

/** @throws TypeError for options that do not exist, are not of their type, contradict each other or are not safe */
export function settingsOf(options: VerifierOptions | BrokerVerifierOptions): VerifierSettings {
  assertKnownNames('option', options, OPTION_NAMES);
  for (const name of ['issuer', 'audience', 'clientId', 'clientSecret', 'subscriber'] as const) {
    assertType(name, options[name], 'string');
  }
  assertType('allowInsecure', options.allowInsecure, 'boolean');
  assertType('onNotice', options.onNotice, 'function');
  assertType('onDecision', options.onDecision, 'function');
  const { audience, maxStaleness = 5_000, onStale = 'refuse', allowInsecure = false, tokenType = 'access' } = options;
  const issuer = issuerUrl(options.issuer, allowInsecure);
  const urls = urlsOf(options.urls ?? [issuer], allowInsecure);
  if (!audience) throw new TypeError('the audience is missing');
  if (!['access', 'broker'].includes(tokenType)) throw new TypeError('tokenType is access or broker');
  assertStaleness({ maxStaleness, onStale });
  const credentials = credentialsOf(options);
  if (onStale === 'introspect' && !credentials) throw new TypeError('introspection needs client credentials');
  if (options.subscriber !== undefined && !isSubscriberName(options.subscriber)) {
    throw new TypeError(`the subscriber is a name of ${SUBSCRIBER_FORM}`);
  }
  assertCacheLimits(options.cache);
  return { issuer, audience, urls, credentials, tokenType, maxStaleness, onStale, limits: timeLimitsOf(options) };
}

/** @throws TypeError for what is neither a number of ms up to an hour nor one of the three ways */
export function assertStaleness({ maxStaleness, onStale }: VerifyTokenOptions): void {
  if (onStale !== undefined && !ON_STALE.has(onStale)) {
    throw new TypeError(`onStale is refuse, introspect or accept-until-exp, not ${JSON.stringify(onStale)}`);
  }
  if (maxStaleness !== undefined) assertNumber('maxStaleness', maxStaleness, { unit: 'ms', most: LONGEST_STALENESS });
}

const VERIFY_OPTION_NAMES: ReadonlySet<string> = new Set(['maxStaleness', 'onStale']);

/** @throws TypeError for options of one request that do not exist or are none of those */
export function assertVerifyOptions(options: VerifyTokenOptions): void {
  assertKnownNames('option', options, VERIFY_OPTION_NAMES);
  assertStaleness(options);
}

function urlsOf(urls: unknown, allowInsecure: boolean): string[] {
  if (!Array.isArray(urls) || !urls.every((url) => typeof url === 'string')) {
    throw new TypeError('urls is a list of addresses');
  }
  if (urls.length === 0) throw new TypeError('urls names no address');
  return urls.map((url: string) => issuerUrl(url, allowInsecure));
}

function timeLimitsOf({ maxAgeSeconds, clockToleranceSeconds }: VerifierOptions | BrokerVerifierOptions): TimeLimits {
  const unit = 'seconds';
  if (maxAgeSeconds !== undefined) assertNumber('maxAgeSeconds', maxAgeSeconds, { unit });
  if (clockToleranceSeconds !== undefined) {
    assertNumber('clockToleranceSeconds', clockToleranceSeconds, { unit, most: MOST_TOLERANCE });
  }
  return {
    maxAgeSeconds,
    clockToleranceSeconds: clockToleranceSeconds ?? DEFAULT_TIME_LIMITS.clockToleranceSeconds,
  };
}

/** What is no number bounds nothing: all comparisons with it are false. */
function assertCacheLimits(cache: unknown): void {
  if (cache === undefined) return;
  if (typeof cache !== 'object' || cache === null) throw new TypeError('cache is { maxEntries, maxBytes }');
  assertKnownNames('option of the cache', cache, CACHE_OPTION_NAMES);
  const { maxEntries = 0, maxBytes = 0 } = cache as Record<string, unknown>;
  assertNumber('cache.maxEntries', maxEntries, { unit: 'tokens', most: MOST_CACHED });
  assertNumber('cache.maxBytes', maxBytes, { unit: 'bytes' });
}

function credentialsOf({
  clientId,
  clientSecret,
}: Pick<VerifierOptions, 'clientId' | 'clientSecret'>): ClientCredentials | undefined {
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined || clientSecret === undefined || clientId === '' || clientSecret === '') {
    throw new TypeError('client credentials are a clientId and a clientSecret');
  }
  return { clientId, clientSecret };
}
