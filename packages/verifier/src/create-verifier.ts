import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { DEFAULT_TIME_LIMITS, timeRefusal, type TimeLimits } from './claims.js';
import type { ClientCredentials } from './client-token.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { FeedClient } from './feed-client.js';
import { introspect, type Introspection } from './introspection.js';
import { issuerUrl } from './issuer-url.js';
import { discover, type IssuerMetadata } from './issuer-metadata.js';
import { LongPollFollower } from './long-poll-follower.js';
import { withoutStripped, type Principal } from './principal.js';
import { RemoteKeys } from './remote-keys.js';
import type { TokenCacheLimits } from './token-cache.js';
import { TokenVerifier } from './verifier.js';
import { ValidityWindow } from './window.js';

/**
 * What to do with a token while the window is older than `maxStaleness`: `refuse` (StaleWindowError: answer 503), `introspect` (ask the issuer about each
 * token, and refuse when it does not answer), or `accept-until-exp` (decide by what was last known; a token ended since is accepted).
 */
export type OnStale = 'refuse' | 'introspect' | 'accept-until-exp';

export interface VerifierOptions {
  /** The `iss` of every accepted token, and where its metadata and keys are found. */
  issuer: string;
  /** The identifier of this service: every accepted token names it in `aud`. */
  audience: string;
  /** The client by which this service follows the feed (permission `validity:read`). Without it tokens are verified by signature and claims alone. */
  clientId?: string;
  clientSecret?: string;
  /** Addresses at which the issuer's instances are reached; the issuer by default. The first that answers is asked. */
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
}

export type Notice =
  | { type: 'unconnected'; message: string }
  | { type: 'feed_lost'; message: string; cause: unknown }
  | { type: 'feed_found'; message: string }
  | { type: 'accepted_on_old_knowledge'; message: string; tokenId: string; staleForMs: number };

export interface VerifyTokenOptions {
  /** For this request instead of the verifier's own. */
  readonly onStale?: OnStale | undefined;
  /** In ms, for this request instead of the verifier's own. 0: as of this moment, at the price of a question that requests share. */
  readonly maxStaleness?: number | undefined;
}

export interface Health {
  /** `degraded`: nothing is known since `maxStaleness`, or nothing is ever asked. */
  readonly status: 'ok' | 'starting' | 'degraded';
  readonly connected: boolean;
  /** How old the knowledge is on which tokens are decided, in ms; null before the first answer. */
  readonly ageMs: number | null;
  readonly position: number;
  readonly events: number;
  readonly keys: number;
  readonly accepted: number;
  readonly refused: number;
  readonly acceptedOnOldKnowledge: number;
  readonly introspected: number;
}

/** An idle poll proves nothing until it is answered, so it must be answered well before `maxStaleness` is over. */
const WAIT_SHARE = 0.4;
const LONGEST_WAIT_SECONDS = 25;

/** Verifies access tokens offline, and refuses those that were ended a moment ago. Made by `createVerifier`. */
export class Verifier {
  readonly issuer: string;
  readonly audience: string;
  readonly #tokens: TokenVerifier<LongPollFollower>;
  readonly #follower: LongPollFollower;
  readonly #keys: RemoteKeys;
  readonly #credentials: ClientCredentials | undefined;
  readonly #maxStaleness: number;
  readonly #onStale: OnStale;
  readonly #limits: TimeLimits;
  readonly #notify: (notice: Notice) => void;
  readonly #urls: readonly string[];
  #metadata: Promise<IssuerMetadata> | undefined;
  #accepted = 0;
  #refused = 0;
  #onOldKnowledge = 0;
  #introspected = 0;
  #closed = false;

  /** @throws TypeError for options that contradict each other or are not safe */
  constructor(options: VerifierOptions) {
    const { audience, maxStaleness = 5_000, onStale = 'refuse', allowInsecure = false } = options;
    this.issuer = issuerUrl(options.issuer, allowInsecure);
    this.#urls = (options.urls ?? [this.issuer]).map((url) => issuerUrl(url, allowInsecure));
    if (this.#urls.length === 0) throw new TypeError('urls names no address');
    if (typeof audience !== 'string' || audience === '') throw new TypeError('the audience is missing');
    if (!(maxStaleness >= 0 && maxStaleness <= 3_600_000))
      throw new TypeError('maxStaleness is in ms, from 0 to an hour');
    this.audience = audience;
    this.#maxStaleness = maxStaleness;
    this.#onStale = onStale;
    this.#limits = {
      maxAgeSeconds: options.maxAgeSeconds,
      clockToleranceSeconds: options.clockToleranceSeconds ?? DEFAULT_TIME_LIMITS.clockToleranceSeconds,
    };
    this.#notify = options.onNotice ?? ((notice) => console.warn(`@portcullis/verifier: ${notice.message}`));
    this.#credentials = credentialsOf(options);
    if (onStale === 'introspect' && !this.#credentials) throw new TypeError('introspection needs client credentials');
    this.#keys = new RemoteKeys(async () => (await this.#discovered()).jwksUri);
    this.#follower = this.#makeFollower(options.subscriber);
    this.#tokens = new TokenVerifier({
      issuer: this.issuer,
      audience,
      keys: this.#keys,
      follower: this.#follower,
      clockToleranceSeconds: this.#limits.clockToleranceSeconds,
      ...(options.cache && { cache: options.cache }),
      ...(options.maxAgeSeconds !== undefined && { maxAgeSeconds: options.maxAgeSeconds }),
    });
  }

  /** Begins to follow; `ready` waits for it. */
  start(): void {
    if (this.#credentials) this.#follower.start();
    else
      this.#notify({
        type: 'unconnected',
        message:
          'without client credentials tokens are verified by signature and claims alone: they are accepted until they expire',
      });
  }

  /**
   * Resolves when the keys are there and the window is whole.
   *
   * @param options.timeoutMs when to give up; by default it goes on trying
   */
  async ready({ timeoutMs = Infinity }: { timeoutMs?: number } = {}): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      if (this.#closed) throw new StaleWindowError('the verifier was closed');
      try {
        if (this.#keys.size === 0) await this.#keys.reload();
        if (this.#credentials) await this.#follower.freshSince(this.#follower.monotonic() - this.#maxStaleness);
        return;
      } catch (error) {
        if (performance.now() >= until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /**
   * The principal of an accepted token.
   *
   * @throws VerificationError when it is refused: answer 401
   * @throws StaleWindowError when that cannot be known: answer 503
   */
  async verify(token: string, options: VerifyTokenOptions = {}): Promise<Principal> {
    try {
      const principal = await this.#decide(token, options);
      this.#accepted += 1;
      return principal;
    } catch (error) {
      this.#refused += 1;
      throw error;
    }
  }

  health(): Health {
    const { freshAsOf, window } = this.#follower;
    const ageMs = freshAsOf === undefined ? null : this.#follower.monotonic() - freshAsOf;
    const connected = this.#credentials !== undefined && ageMs !== null && ageMs <= this.#maxStaleness;
    const starting = this.#credentials !== undefined && ageMs === null;
    return {
      status: connected ? 'ok' : starting ? 'starting' : 'degraded',
      connected,
      ageMs,
      position: window.position,
      events: window.size,
      keys: this.#keys.size,
      accepted: this.#accepted,
      refused: this.#refused,
      acceptedOnOldKnowledge: this.#onOldKnowledge,
      introspected: this.#introspected,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#follower.stop();
    return Promise.resolve();
  }

  async #decide(token: string, options: VerifyTokenOptions): Promise<Principal> {
    if (!this.#credentials) return this.#decideBySignature(token);
    try {
      return await this.#tokens.verify(token, { maxStalenessMs: options.maxStaleness ?? this.#maxStaleness });
    } catch (error) {
      if (!(error instanceof StaleWindowError)) throw error;
      return this.#decideStale(token, options.onStale ?? this.#onStale, error);
    }
  }

  async #decideStale(token: string, onStale: OnStale, stale: StaleWindowError): Promise<Principal> {
    if (onStale === 'refuse') throw stale;
    const verified = this.#tokens.cached(token) ?? (await this.#tokens.authenticate(token));
    if (onStale === 'introspect') return this.#introspect(token, stale);
    const principal = this.#follower.window.loaded
      ? this.#tokens.decide(verified)
      : await this.#decideBySignature(token);
    const { freshAsOf } = this.#follower;
    this.#onOldKnowledge += 1;
    this.#notify({
      type: 'accepted_on_old_knowledge',
      message: `token ${principal.tokenId} was accepted although the validity feed is cut`,
      tokenId: principal.tokenId,
      staleForMs: freshAsOf === undefined ? Infinity : this.#follower.monotonic() - freshAsOf,
    });
    return principal;
  }

  async #introspect(token: string, stale: StaleWindowError): Promise<Principal> {
    if (!this.#credentials) throw stale;
    const verified = this.#tokens.cached(token) ?? (await this.#tokens.authenticate(token));
    let now: Introspection;
    try {
      const { introspectionEndpoint } = await this.#discovered();
      if (introspectionEndpoint === undefined) throw stale;
      now = await introspect(introspectionEndpoint, token, this.#credentials);
    } catch (cause) {
      throw new StaleWindowError('neither the validity feed nor introspection answers', { cause });
    }
    this.#introspected += 1;
    if (!now.active) throw new VerificationError('token_revoked', { signatureValid: true, claims: verified.claims });
    const gone = {
      roles: new Set(verified.principal.roles.filter((role) => !now.roles.includes(role))),
      permissions: new Set([...verified.principal.permissions].filter((name) => !now.permissions.includes(name))),
    };
    return withoutStripped(verified.principal, gone);
  }

  async #decideBySignature(token: string): Promise<Principal> {
    const { claims, principal } = this.#tokens.cached(token) ?? (await this.#tokens.authenticate(token));
    const reason = timeRefusal(claims, this.#follower.now() / 1000, this.#limits);
    if (reason !== null) throw new VerificationError(reason, { signatureValid: true, claims });
    return principal;
  }

  #makeFollower(subscriber: string | undefined): LongPollFollower {
    const { issuer } = this;
    const urls = this.#urls;
    const client =
      this.#credentials &&
      new FeedClient({ issuer, urls, credentials: this.#credentials, subscriber: subscriber ?? ownName() });
    // With a limit of 0 each decision asks anew, whatever an idle poll does.
    const limit = this.#maxStaleness === 0 ? Infinity : this.#maxStaleness;
    const waitSeconds = Math.min((limit * WAIT_SHARE) / 1000, LONGEST_WAIT_SECONDS);
    return new LongPollFollower(
      (after, wait, signal, heard) =>
        client?.ask(after, wait, signal, heard) ?? Promise.reject(new StaleWindowError('not connected')),
      new ValidityWindow({ hashedKeys: true }),
      {
        waitSeconds,
        onConnection: (cause) => {
          if (cause) this.#notify({ type: 'feed_lost', message: 'the validity feed does not answer', cause });
          else this.#notify({ type: 'feed_found', message: 'the validity feed answers again' });
        },
      },
    );
  }

  /** From whichever address answers; asked again after a failure. */
  #discovered(): Promise<IssuerMetadata> {
    this.#metadata ??= this.#discover().catch((error: unknown) => {
      this.#metadata = undefined;
      throw error;
    });
    return this.#metadata;
  }

  async #discover(): Promise<IssuerMetadata> {
    let failure: unknown;
    for (const url of this.#urls) {
      try {
        return await discover(this.issuer, url);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

/**
 * A verifier that has begun to follow the issuer. Await `ready()` before serving, `verify(token)` for each request, `close()` at the end.
 *
 * @throws TypeError for options that contradict each other or are not safe
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const verifier = new Verifier(options);
  verifier.start();
  return verifier;
}

function credentialsOf({ clientId, clientSecret }: VerifierOptions): ClientCredentials | undefined {
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined || clientSecret === undefined || clientId === '' || clientSecret === '') {
    throw new TypeError('client credentials are a clientId and a clientSecret');
  }
  return { clientId, clientSecret };
}

function ownName(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 50)}:${randomUUID().slice(0, 8)}`;
}
