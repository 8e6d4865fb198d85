import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { verificationKey, type VerificationKey } from './algorithms.js';
import { fetchJson, HttpError } from './http-json.js';
import type { KeyResolver } from './verifier.js';

/** Most keys that are taken from one set. */
const MOST_KEYS = 100;
/** A set is taken for as good as new for so long (seconds) where its issuer does not say, and in any case between these. */
const DEFAULT_MAX_AGE = 300;
const SHORTEST_MAX_AGE = 30;
const LONGEST_MAX_AGE = 3_600;
/** After a failure, a set that has grown old is asked for again so much later, in ms. */
const RETRY_MS = 30_000;

/** A published set of keys, and for how long (seconds) it need not be asked for again. */
export interface KeySet {
  readonly keys: Map<string, VerificationKey>;
  readonly maxAge: number;
}

export interface RemoteKeysOptions {
  /** Between two questions for an unknown kid, in ms: invented ones must not make this hammer the issuer. */
  cooldownMs?: number;
  /** In ms. */
  monotonic?: () => number;
}

/**
 * The issuer's published keys (RFC 7517). Asked for again when they have grown old, while the old ones serve; and when a token names a key that is not
 * known. After a question that brought no new key there is a cool-down: whoever comes within it waits for its end, since the key may be a
 * second old or an invention. A revoked key is not found out here: the window says so, at once.
 */
export class RemoteKeys implements KeyResolver {
  readonly #load: () => Promise<KeySet>;
  readonly #cooldownMs: number;
  readonly #monotonic: () => number;
  #keys = new Map<string, VerificationKey>();
  /** Not sent yet: all who come share it. */
  #queued: Promise<void> | undefined;
  /** Under way: it may be too early for a key that a token names now. */
  #flight: Promise<void> | undefined;
  #notBefore = -Infinity;
  #dueAt = Infinity;
  /** What the last question failed with, for those who come within the cool-down after it: they are not to wait for the same again. */
  #failure: { readonly cause: unknown; readonly until: number } | undefined;

  constructor(load: () => Promise<KeySet>, options: RemoteKeysOptions = {}) {
    this.#load = load;
    this.#cooldownMs = options.cooldownMs ?? 1_000;
    this.#monotonic = options.monotonic ?? (() => performance.now());
  }

  get size(): number {
    return this.#keys.size;
  }

  get(kid: string): VerificationKey | undefined {
    if (this.#monotonic() >= this.#dueAt) {
      this.#dueAt = this.#monotonic() + RETRY_MS;
      this.reload().catch(() => undefined);
    }
    return this.#keys.get(kid);
  }

  async refresh(kid: string): Promise<VerificationKey | undefined> {
    if (this.#flight !== undefined) {
      await this.#flight.catch(() => undefined);
      const key = this.#keys.get(kid);
      if (key !== undefined) return key;
    }
    await this.reload();
    return this.#keys.get(kid);
  }

  /** @throws HttpError */
  reload(): Promise<void> {
    if (this.#failure !== undefined && this.#monotonic() < this.#failure.until) {
      return Promise.reject(
        new HttpError('the keys could not be had a moment ago', undefined, { cause: this.#failure.cause }),
      );
    }
    this.#queued ??= this.#sendNext();
    return this.#queued;
  }

  async #sendNext(): Promise<void> {
    await this.#flight?.catch(() => undefined);
    const rest = this.#notBefore - this.#monotonic();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    this.#queued = undefined;
    this.#flight = this.#ask().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #loaded(): Promise<KeySet> {
    try {
      const set = await this.#load();
      this.#failure = undefined;
      return set;
    } catch (cause) {
      this.#failure = { cause, until: this.#monotonic() + this.#cooldownMs };
      throw cause;
    }
  }

  async #ask(): Promise<void> {
    this.#notBefore = this.#monotonic() + this.#cooldownMs;
    const { keys, maxAge } = await this.#loaded();
    const known = this.#keys;
    // Only the issuer can bring a new key about, so that whoever invents kids gains nothing by this.
    if ([...keys.keys()].some((kid) => !known.has(kid))) this.#notBefore = -Infinity;
    this.#keys = keys;
    this.#dueAt = this.#monotonic() + maxAge * 1000;
  }
}

/**
 * The keys published at an address.
 *
 * @throws HttpError also when there is no usable key among them: whoever answers so is not the issuer, or not in order
 */
export async function fetchKeys(jwksUri: string, signal: AbortSignal): Promise<KeySet> {
  const { body, headers } = await fetchJson(jwksUri, { signal });
  const keys = readKeys(body);
  if (keys.size === 0) throw new HttpError(`${jwksUri} gave no usable key`);
  const told = /(?:^|[\s,])max-age=(\d{1,9})(?=$|[\s,])/i.exec(headers.get('cache-control') ?? '')?.[1];
  const maxAge = told === undefined ? DEFAULT_MAX_AGE : Number(told);
  return { keys, maxAge: Math.min(Math.max(maxAge, SHORTEST_MAX_AGE), LONGEST_MAX_AGE) };
}

/** The keys of a set (RFC 7517 section 5): those that cannot be used are ignored. */
export function readKeys(body: unknown): Map<string, VerificationKey> {
  const keys = new Map<string, VerificationKey>();
  const listed = typeof body === 'object' && body !== null ? (body as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(listed)) return keys;
  for (const jwk of (listed as unknown[]).slice(0, MOST_KEYS)) {
    const key = readKey(jwk);
    if (key !== undefined) keys.set(key.kid, key);
  }
  return keys;
}

function readKey(jwk: unknown): VerificationKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kid, kty, use, alg } = jwk as Record<string, unknown>;
  // A symmetric key in a public set would be known to everybody.
  if (typeof kid !== 'string' || kid === '' || kty === 'oct' || (use !== undefined && use !== 'sig')) return undefined;
  try {
    return verificationKey(kid, createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }), { alg });
  } catch {
    return undefined;
  }
}
