import { verifySignature, type VerificationKey } from './algorithms.js';
import {
  addresseeRefusal,
  DEFAULT_TIME_LIMITS,
  hasAccessTokenClaims,
  isAccessTokenType,
  isBrokerTokenType,
  readTokenClaims,
  type TimeLimits,
} from './claims.js';
import { StaleWindowError, VerificationError } from './errors.js';
import type { WindowFollower } from './follower.js';
import { MAX_TOKEN_LENGTH, parseJws, type ParsedJws } from './jws.js';
import { withoutStripped, type Principal } from './principal.js';
import { outrunsWindow, refusalOf, strippedBy } from './refusal.js';
import { DEFAULT_CACHE_LIMITS, TokenCache, type TokenCacheLimits } from './token-cache.js';
import { VerifiedToken } from './verified-token.js';

/** Where verification keys come from. */
export interface KeyResolver {
  /** The key as far as it is known here. */
  get(kid: string): VerificationKey | undefined;
  /**
   * Looks for a key that is not known here. Anyone can send tokens with invented kids: it is for the resolver to bound how
   * often it asks further. It throws when it cannot know; undefined says that there is no such key.
   */
  refresh(kid: string): Promise<VerificationKey | undefined>;
}

/** What keeps a window fresh: from the database (`WindowFollower`), or over HTTP (`LongPollFollower`). */
export type Follower = Pick<WindowFollower, 'window' | 'monotonic' | 'now' | 'freshSince' | 'touch'>;

export interface TokenVerifierOptions<F extends Follower = WindowFollower> {
  /** The `iss` of every accepted token. */
  issuer: string;
  /** The audience to which this verifier belongs. */
  audience: string;
  keys: KeyResolver;
  follower: F;
  /** Which kind is accepted; the other is refused as `wrong_type`. `access` by default. */
  tokenType?: 'access' | 'broker';
  cache?: Partial<TokenCacheLimits>;
  /** Refuse what was issued longer ago; seconds. By default only `exp` counts. */
  maxAgeSeconds?: number;
  /** How far ahead of the clock `nbf` and `iat` may lie; 5 seconds by default. */
  clockToleranceSeconds?: number;
  /** In characters; 16 KiB by default. */
  maxTokenLength?: number;
}

export interface VerifyOptions {
  /** When the request arrived, on the follower's monotonic clock, in ms. Now, by default. */
  arrivedAt?: number;
  /** How old the window may have been when the request arrived, in ms; 0 by default. */
  maxStalenessMs?: number;
}

/** A token whose signature is good. */
export interface SignedToken {
  readonly jws: ParsedJws;
  readonly key: VerificationKey;
}

/**
 * Verifies access tokens: what never changes about a token once (`authenticate`, cached), what may change each time
 * (`decide`).
 */
export class TokenVerifier<F extends Follower = WindowFollower> {
  readonly issuer: string;
  readonly audience: string;
  readonly follower: F;
  readonly #keys: KeyResolver;
  readonly #cache: TokenCache;
  readonly #limits: TimeLimits;
  readonly #maxTokenLength: number;
  readonly #tokenType: 'access' | 'broker';

  constructor(options: TokenVerifierOptions<F>) {
    const { issuer, audience, keys, follower } = options;
    this.issuer = issuer;
    this.audience = audience;
    this.follower = follower;
    this.#keys = keys;
    this.#cache = new TokenCache({ ...DEFAULT_CACHE_LIMITS, ...options.cache }, () => follower.now() / 1000);
    this.#limits = {
      maxAgeSeconds: options.maxAgeSeconds,
      clockToleranceSeconds: options.clockToleranceSeconds ?? DEFAULT_TIME_LIMITS.clockToleranceSeconds,
    };
    this.#maxTokenLength = options.maxTokenLength ?? MAX_TOKEN_LENGTH;
    this.#tokenType = options.tokenType ?? 'access';
  }

  /**
   * Verifies a token as of the arrival of the request that carries it.
   *
   * @throws VerificationError when it is refused
   * @throws StaleWindowError when that cannot be known in time
   */
  async verify(token: string, options: VerifyOptions = {}): Promise<Principal> {
    const { arrivedAt = this.follower.monotonic(), maxStalenessMs = 0 } = options;
    if (maxStalenessMs > 0) this.follower.touch();
    // The signature first, so that garbage never costs a catch-up.
    const verified = this.cached(token) ?? (await this.authenticate(token));
    await this.follower.freshSince(arrivedAt - maxStalenessMs);
    // Minted after the last catch-up: it is beyond the window only if it still is after another.
    if (outrunsWindow(verified, this.follower.window)) await this.follower.freshSince(arrivedAt);
    return this.decide(verified);
  }

  /** The token as it was verified before, if that is remembered. Says nothing about whether it is accepted. */
  cached(token: string): VerifiedToken | undefined {
    return this.#cache.get(token);
  }

  /**
   * What never changes about a token: its form, signature, type and addressee.
   *
   * @throws VerificationError when one of them is wrong
   * @throws StaleWindowError when the keys cannot be reached
   */
  async authenticate(token: string): Promise<VerifiedToken> {
    const { jws, key } = await this.openSigned(token);
    const isAccess = this.#tokenType === 'access';
    const isOfType = isAccess ? isAccessTokenType : isBrokerTokenType;
    if (!isOfType(jws.header.typ)) throw new VerificationError('wrong_type', { signatureValid: true });
    const claims = readTokenClaims(jws.payload);
    // Of each kind the permissions have a form of their own: neither passes for the other.
    if (claims === undefined || hasAccessTokenClaims(claims) !== isAccess) {
      throw new VerificationError('malformed', { signatureValid: true });
    }
    const { issuer, audience } = this;
    const reason = addresseeRefusal(claims, { issuer, audience, keyAudience: key.audience });
    if (reason !== null) throw new VerificationError(reason, { signatureValid: true, claims });

    const verified = new VerifiedToken(claims, key.kid, key.audience);
    this.#cache.set(token, verified);
    return verified;
  }

  /** Takes a token of any type apart and checks its signature; throws as `authenticate` does. */
  async openSigned(token: string): Promise<SignedToken> {
    const jws = parseJws(token, this.#maxTokenLength);
    const { alg, kid } = jws.header;
    const key = kid === undefined ? undefined : (this.#keys.get(kid) ?? (await this.#refreshKey(kid)));
    if (key === undefined) throw new VerificationError('unknown_key', { signatureValid: false });
    // The algorithm is the key's: the header may only agree (RFC 8725 section 3.1).
    if (alg !== key.algorithm || !verifySignature(key.algorithm, key.key, jws.signingInput, jws.signature)) {
      throw new VerificationError('bad_signature', { signatureValid: false });
    }
    return { jws, key };
  }

  /**
   * Whether the token is accepted, by the window as it is; see that the window is fresh first (`follower.freshSince`).
   *
   * @throws VerificationError when it is refused
   * @throws StaleWindowError when the window was never loaded
   */
  decide(verified: VerifiedToken): Principal {
    const { window } = this.follower;
    if (!window.loaded) throw new StaleWindowError('the validity window was never loaded');
    const reason = refusalOf(verified, window, this.follower.now() / 1000, this.#limits);
    if (reason !== null) throw new VerificationError(reason, { signatureValid: true, claims: verified.claims });
    const stripped = strippedBy(verified, window);
    return stripped === null ? verified.principal : withoutStripped(verified.principal, stripped);
  }

  async #refreshKey(kid: string): Promise<VerificationKey | undefined> {
    try {
      return await this.#keys.refresh(kid);
    } catch (cause) {
      throw new StaleWindowError('the signing keys cannot be reached', { cause });
    }
  }
}
