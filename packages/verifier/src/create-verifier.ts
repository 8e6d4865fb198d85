import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { brokerPrincipalOf, type BrokerPrincipal } from './broker-principal.js';
import { timeRefusal } from './claims.js';
import type { ClientCredentials } from './client-token.js';
import { harmless, outcomeOf, type Basis, type Decision, type Notice } from './decisions.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { FeedClient } from './feed-client.js';
import type { Health } from './health.js';
import { introspect, type Introspection } from './introspection.js';
import { Introspections } from './introspections.js';
import { IssuerAccess } from './issuer-access.js';
import { LongPollFollower } from './long-poll-follower.js';
import { assertNumber } from './option-checks.js';
import { withoutStripped, type Principal } from './principal.js';
import { isKeyRevoked, outrunsWindow } from './refusal.js';
import { fetchKeys, RemoteKeys } from './remote-keys.js';
import type { VerifiedToken } from './verified-token.js';
import {
  assertVerifyOptions,
  settingsOf,
  type BrokerVerifierOptions,
  type VerifierOptions,
  type VerifierSettings,
  type VerifyTokenOptions,
} from './verifier-options.js';
import { TokenVerifier } from './verifier.js';
import { ValidityWindow } from './window.js';

/** An idle poll proves nothing until it is answered, so it must be answered well before `maxStaleness` is over. */
const WAIT_SHARE = 0.4;
const LONGEST_WAIT_SECONDS = 25;

/** Verifies tokens offline, and refuses those that were ended a moment ago. Made by `createVerifier`. */
export class Verifier<P = Principal> {
  readonly issuer: string;
  readonly audience: string;
  readonly tokenType: 'access' | 'broker';
  readonly #settings: VerifierSettings;
  readonly #present: (principal: Principal) => P;
  readonly #access: IssuerAccess;
  readonly #keys: RemoteKeys;
  readonly #follower: LongPollFollower;
  readonly #tokens: TokenVerifier<LongPollFollower>;
  readonly #introspections: Introspections | undefined;
  readonly #notify: (notice: Notice) => void;
  readonly #onDecision: ((decision: Decision) => void) | undefined;
  readonly #counts = { accepted: 0, refused: 0, unavailable: 0, acceptedOnOldKnowledge: 0, introspected: 0 };
  #closed = false;

  /**
   * @param present what callers get of an accepted token's principal
   * @throws TypeError for options that contradict each other or are not safe
   */
  constructor(options: VerifierOptions | BrokerVerifierOptions, present: (principal: Principal) => P) {
    this.#settings = settingsOf(options);
    const { issuer, audience, urls, tokenType, limits } = this.#settings;
    this.issuer = issuer;
    this.audience = audience;
    this.tokenType = tokenType;
    this.#present = present;
    this.#notify = harmless(options.onNotice ?? (({ message }) => console.warn(`@portcullis/verifier: ${message}`)));
    this.#onDecision = options.onDecision && harmless(options.onDecision);
    this.#access = new IssuerAccess(issuer, urls);
    this.#keys = new RemoteKeys(() => this.#access.ask(({ jwksUri }, signal) => fetchKeys(jwksUri, signal)));
    this.#follower = this.#makeFollower(options.subscriber ?? ownName());
    this.#introspections = this.#settings.credentials && this.#makeIntrospections(this.#settings.credentials);
    this.#tokens = new TokenVerifier({
      issuer,
      audience,
      tokenType,
      keys: this.#keys,
      follower: this.#follower,
      clockToleranceSeconds: limits.clockToleranceSeconds,
      ...(options.cache && { cache: options.cache }),
      ...(limits.maxAgeSeconds !== undefined && { maxAgeSeconds: limits.maxAgeSeconds }),
    });
  }

  /** Begins to follow; `ready` waits for it. */
  start(): void {
    if (this.#settings.credentials) this.#follower.start();
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
  async ready({ timeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    if (timeoutMs !== undefined) assertNumber('timeoutMs', timeoutMs, { unit: 'ms', most: Infinity });
    const { credentials, maxStaleness } = this.#settings;
    const until = performance.now() + (timeoutMs ?? Infinity);
    for (;;) {
      this.#assertOpen();
      try {
        if (this.#keys.size === 0) await this.#keys.reload();
        if (credentials) await this.#follower.freshSince(this.#follower.monotonic() - maxStaleness);
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
  async verify(token: string, options: VerifyTokenOptions = {}): Promise<P> {
    const began = performance.now();
    // Filled in on the way.
    const how: { basis: Basis } = { basis: this.#settings.credentials ? 'window' : 'signature' };
    let principal: P;
    try {
      assertVerifyOptions(options);
      this.#assertOpen();
      principal = this.#present(await this.#decide(token, options, how));
    } catch (error) {
      this.#note({ ...outcomeOf(error), basis: how.basis }, began);
      throw error;
    }
    this.#note({ outcome: 'accepted', basis: how.basis }, began);
    return principal;
  }

  health(): Health {
    const { window, answered } = this.#follower;
    const { credentials, maxStaleness } = this.#settings;
    const ageMs = this.#ageMs();
    // With a limit of 0 each decision asks anew, however old the answer to an idle poll is.
    const connected = answered && ageMs !== null && (maxStaleness === 0 || ageMs <= maxStaleness) && !this.#closed;
    const starting = credentials !== undefined && ageMs === null && !this.#closed;
    return {
      status: connected ? 'ok' : starting ? 'starting' : 'degraded',
      connected,
      ageMs,
      position: window.position,
      events: window.size,
      keys: this.#keys.size,
      ...this.#counts,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#follower.stop();
    return Promise.resolve();
  }

  async #decide(token: string, options: VerifyTokenOptions, how: { basis: Basis }): Promise<Principal> {
    const { credentials } = this.#settings;
    const { maxStaleness = this.#settings.maxStaleness, onStale = this.#settings.onStale } = options;
    const arrivedAt = this.#follower.monotonic();
    if (!credentials) return this.#bySignature(await this.#published(token));
    try {
      return await this.#tokens.verify(token, { arrivedAt, maxStalenessMs: maxStaleness });
    } catch (error) {
      if (!(error instanceof StaleWindowError)) throw error;
      switch (onStale) {
        case 'refuse':
          throw error;
        case 'introspect':
          how.basis = 'introspection';
          return this.#byIntrospection(await this.#authenticated(token), {
            token,
            notBefore: arrivedAt - maxStaleness,
            stale: error,
          });
        case 'accept-until-exp':
          how.basis = 'old_knowledge';
          return this.#byOldKnowledge(await this.#authenticated(token));
      }
    }
  }

  async #authenticated(token: string): Promise<VerifiedToken> {
    return this.#tokens.cached(token) ?? (await this.#tokens.authenticate(token));
  }

  /** What was verified before may be by a key that has left the published set since: without a window nothing else tells of it. */
  async #published(token: string): Promise<VerifiedToken> {
    const cached = this.#tokens.cached(token);
    return cached && this.#keys.get(cached.kid) ? cached : this.#tokens.authenticate(token);
  }

  #bySignature({ claims, principal }: VerifiedToken): Principal {
    const reason = timeRefusal(claims, this.#follower.now() / 1000, this.#settings.limits);
    if (reason !== null) throw new VerificationError(reason, { signatureValid: true, claims });
    return principal;
  }

  /** By what was last known. A token that is newer than that cannot have been ended by it. */
  #byWhatIsKnown(verified: VerifiedToken): Principal {
    const { window } = this.#follower;
    const { claims } = verified;
    if (isKeyRevoked(verified, window)) throw new VerificationError('key_revoked', { signatureValid: true, claims });
    const known = window.loaded && !outrunsWindow(verified, window);
    return known ? this.#tokens.decide(verified) : this.#bySignature(verified);
  }

  #byOldKnowledge(verified: VerifiedToken): Principal {
    const principal = this.#byWhatIsKnown(verified);
    this.#counts.acceptedOnOldKnowledge += 1;
    this.#notify({
      type: 'accepted_on_old_knowledge',
      message: `token ${principal.tokenId} was accepted although the validity feed is cut`,
      tokenId: principal.tokenId,
      staleForMs: this.#ageMs() ?? Infinity,
    });
    return principal;
  }

  /** What is refused without asking stays refused: the issuer knows nothing of this verifier's own limits. */
  async #byIntrospection(
    verified: VerifiedToken,
    { token, notBefore, stale }: { token: string; notBefore: number; stale: StaleWindowError },
  ): Promise<Principal> {
    if (!this.#introspections) throw stale;
    const principal = this.#byWhatIsKnown(verified);
    const { claims } = verified;
    let now: Introspection;
    try {
      now = await this.#introspections.about(token, notBefore);
    } catch (cause) {
      throw new StaleWindowError('neither the validity feed nor introspection answers', { cause });
    }
    this.#counts.introspected += 1;
    if (!now.active) throw new VerificationError('token_revoked', { signatureValid: true, claims });
    const gone = {
      roles: new Set(principal.roles.filter((role) => !now.roles.includes(role))),
      permissions: new Set([...principal.permissions].filter((name) => !now.permissions.includes(name))),
    };
    return withoutStripped(principal, gone);
  }

  #note(decision: Omit<Decision, 'ageMs' | 'durationMs'>, began: number): void {
    this.#counts[decision.outcome] += 1;
    this.#onDecision?.({ ...decision, ageMs: this.#ageMs(), durationMs: performance.now() - began });
  }

  #ageMs(): number | null {
    return this.#follower.ageMs ?? null;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StaleWindowError('the verifier was closed');
  }

  #makeIntrospections(credentials: ClientCredentials): Introspections {
    return new Introspections(
      (token) => this.#access.ask((issuer, signal) => introspect(issuer, token, credentials, signal)),
      this.#follower.monotonic,
    );
  }

  #makeFollower(subscriber: string): LongPollFollower {
    const { issuer, urls, credentials, maxStaleness } = this.#settings;
    const client = credentials && new FeedClient({ issuer, urls, credentials, subscriber });
    // With a limit of 0 each decision asks anew, whatever an idle poll does.
    const limit = maxStaleness === 0 ? Infinity : maxStaleness;
    const waitSeconds = Math.min((limit * WAIT_SHARE) / 1000, LONGEST_WAIT_SECONDS);
    return new LongPollFollower(
      (after, wait, signal, heard) =>
        client?.ask(after, wait, signal, heard) ?? Promise.reject(new StaleWindowError('not connected')),
      new ValidityWindow({ hashedKeys: true }),
      {
        waitSeconds,
        onConnection: (cause) => {
          if (cause)
            this.#notify({ type: 'feed_lost', message: `the validity feed does not answer: ${whyOf(cause)}`, cause });
          else this.#notify({ type: 'feed_found', message: 'the validity feed answers again' });
        },
      },
    );
  }
}

/**
 * A verifier that has begun to follow the issuer. Await `ready()` before serving, `verify(token)` for each request, `close()` at the end.
 *
 * @throws TypeError for options that contradict each other or are not safe
 */
export function createVerifier(options: BrokerVerifierOptions): Verifier<BrokerPrincipal>;
export function createVerifier(options: VerifierOptions): Verifier;
export function createVerifier(options: VerifierOptions | BrokerVerifierOptions): Verifier | Verifier<BrokerPrincipal> {
  const verifier =
    options.tokenType === 'broker'
      ? new Verifier(options, brokerPrincipalOf)
      : new Verifier(options, (principal) => principal);
  verifier.start();
  return verifier;
}

/** What an operator can act on. */
function whyOf(error: Error): string {
  return error instanceof StaleWindowError && error.cause instanceof Error ? whyOf(error.cause) : error.message;
}

function ownName(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 50)}:${randomUUID().slice(0, 8)}`;
}
