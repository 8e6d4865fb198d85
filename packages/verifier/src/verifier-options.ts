import { DEFAULT_TIME_LIMITS, type TimeLimits } from './claims.js';
import type { ClientCredentials } from './client-token.js';
import type { Decision, Notice } from './decisions.js';
import { issuerUrl } from './issuer-url.js';
import type { TokenCacheLimits } from './token-cache.js';

/**
 * What to do with a token while the window is older than `maxStaleness`: `refuse` (StaleWindowError: answer 503), `introspect` (ask the issuer about each
 * token, and refuse when it does not answer), or `accept-until-exp` (decide by what was last known; a token ended since is accepted).
 */
export type OnStale = 'refuse' | 'introspect' | 'accept-until-exp';

const ON_STALE: ReadonlySet<unknown> = new Set<OnStale>(['refuse', 'introspect', 'accept-until-exp']);
const LONGEST_STALENESS = 3_600_000;

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

/** @throws TypeError for options that contradict each other or are not safe */
export function settingsOf(options: VerifierOptions | BrokerVerifierOptions): VerifierSettings {
  const { audience, maxStaleness = 5_000, onStale = 'refuse', allowInsecure = false, tokenType = 'access' } = options;
  const issuer = issuerUrl(options.issuer, allowInsecure);
  const urls = (options.urls ?? [issuer]).map((url) => issuerUrl(url, allowInsecure));
  if (urls.length === 0) throw new TypeError('urls names no address');
  if (typeof audience !== 'string' || audience === '') throw new TypeError('the audience is missing');
  if (!['access', 'broker'].includes(tokenType)) throw new TypeError('tokenType is access or broker');
  assertStaleness({ maxStaleness, onStale });
  const credentials = credentialsOf(options);
  if (onStale === 'introspect' && !credentials) throw new TypeError('introspection needs client credentials');
  const { maxAgeSeconds, clockToleranceSeconds = DEFAULT_TIME_LIMITS.clockToleranceSeconds } = options;
  if (maxAgeSeconds !== undefined && !(maxAgeSeconds >= 0)) throw new TypeError('maxAgeSeconds is a number of seconds');
  if (!(clockToleranceSeconds >= 0)) throw new TypeError('clockToleranceSeconds is a number of seconds');
  const limits = { maxAgeSeconds, clockToleranceSeconds };
  return { issuer, audience, urls, credentials, tokenType, maxStaleness, onStale, limits };
}

/** @throws TypeError for what is neither a number of ms up to an hour nor one of the three ways */
export function assertStaleness({ maxStaleness, onStale }: VerifyTokenOptions): void {
  if (onStale !== undefined && !ON_STALE.has(onStale)) {
    throw new TypeError(`onStale is refuse, introspect or accept-until-exp, not ${JSON.stringify(onStale)}`);
  }
  if (maxStaleness !== undefined && !(maxStaleness >= 0 && maxStaleness <= LONGEST_STALENESS)) {
    throw new TypeError('maxStaleness is in ms, from 0 to an hour');
  }
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
