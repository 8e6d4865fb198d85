import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { verificationKey, type VerificationKey } from './algorithms.js';
import { fetchJson } from './http-json.js';
import type { KeyResolver } from './verifier.js';

/** Most keys that are taken from one set. */
const MOST_KEYS = 100;

export interface RemoteKeysOptions {
  /** Between two questions for an unknown kid, in ms: invented ones must not make this hammer the issuer. */
  cooldownMs?: number;
  /** In ms. */
  monotonic?: () => number;
}

/**
 * The issuer's published keys (RFC 7517). Asked for again when a token names a key that is not known, at most once per cool-down; whoever
 * comes within it waits for its end, since the key may be a minute old or an invention. A revoked key is not found out here: the window
 * says so, at once.
 */
export class RemoteKeys implements KeyResolver {
  readonly #jwksUri: () => Promise<string>;
  readonly #cooldownMs: number;
  readonly #monotonic: () => number;
  #keys = new Map<string, VerificationKey>();
  #asking: Promise<void> | undefined;
  #askedAt = -Infinity;

  constructor(jwksUri: () => Promise<string>, options: RemoteKeysOptions = {}) {
    this.#jwksUri = jwksUri;
    this.#cooldownMs = options.cooldownMs ?? 1_000;
    this.#monotonic = options.monotonic ?? (() => performance.now());
  }

  get size(): number {
    return this.#keys.size;
  }

  get(kid: string): VerificationKey | undefined {
    return this.#keys.get(kid);
  }

  async refresh(kid: string): Promise<VerificationKey | undefined> {
    await this.reload();
    return this.#keys.get(kid);
  }

  /** @throws HttpError */
  reload(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const rest = this.#askedAt + this.#cooldownMs - this.#monotonic();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest).unref());
    this.#askedAt = this.#monotonic();
    const { body } = await fetchJson(await this.#jwksUri());
    this.#keys = readKeys(body);
  }
}

/** The keys of a set (RFC 7517 section 5): those that cannot be used are ignored. Their algorithm follows from type and size, as the issuer's does. */
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
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const read = verificationKey(kid, key, { pss: typeof alg === 'string' && alg.startsWith('PS') });
    return alg === undefined || alg === read.algorithm ? read : undefined;
  } catch {
    return undefined;
  }
}
