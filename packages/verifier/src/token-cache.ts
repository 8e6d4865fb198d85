import { isExpired } from './claims.js';
import type { JsonObject } from './strict-json.js';
import type { VerifiedToken } from './verified-token.js';

export interface TokenCacheLimits {
  /** Most tokens held; below 2 nothing is. */
  maxEntries: number;
  /** Most memory held, by estimate. */
  maxBytes: number;
}

export const DEFAULT_CACHE_LIMITS: TokenCacheLimits = { maxEntries: 20_000, maxBytes: 64 * 1024 * 1024 };

interface Entry {
  readonly token: VerifiedToken;
  readonly bytes: number;
}

interface Generation {
  readonly entries: Map<string, Entry>;
  bytes: number;
}

/** However little is cached, what is not used any more is gone after two of these. */
const GENERATION_SECONDS = 60;

/**
 * Spares the signature check of a token that was verified before. It says nothing about whether the token is accepted.
 *
 * Two generations, each at most half of the limits: a token that is used moves to the young one, and when that is full or
 * has lived its time, the old one is dropped as a whole. A flood of distinct tokens so pushes out only what is not in use.
 */
export class TokenCache {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #young = emptyGeneration();
  #old = emptyGeneration();
  #youngSince: number;

  /** @param now seconds since 1970, or since any other moment */
  constructor({ maxEntries, maxBytes }: TokenCacheLimits, now: () => number) {
    this.#maxEntries = Math.floor(maxEntries / 2);
    this.#maxBytes = Math.floor(maxBytes / 2);
    this.#now = now;
    this.#youngSince = now();
  }

  get size(): number {
    return this.#young.entries.size + this.#old.entries.size;
  }

  /** Estimated memory held. */
  get bytes(): number {
    return this.#young.bytes + this.#old.bytes;
  }

  get(token: string): VerifiedToken | undefined {
    return this.#young.entries.get(token)?.token ?? this.#promote(token);
  }

  set(token: string, verified: VerifiedToken): void {
    const bytes = estimateBytes(token, verified);
    const now = this.#now();
    if (bytes > this.#maxBytes || this.#maxEntries === 0 || isExpired(verified.claims, now)) return;
    remove(this.#young, token);
    remove(this.#old, token);
    // A token cut out of a header is a view that keeps the whole header alive: the cache holds a string of its own.
    this.#add(Buffer.from(token, 'latin1').toString('latin1'), { token: verified, bytes }, now);
  }

  #promote(token: string): VerifiedToken | undefined {
    const entry = remove(this.#old, token);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (isExpired(entry.token.claims, now)) return undefined;
    this.#add(Buffer.from(token, 'latin1').toString('latin1'), entry, now);
    return entry.token;
  }

  #add(token: string, entry: Entry, now: number): void {
    const { entries, bytes } = this.#young;
    const full = entries.size >= this.#maxEntries || bytes + entry.bytes > this.#maxBytes;
    // A clock that went back would otherwise stop the generations.
    if (full || Math.abs(now - this.#youngSince) >= GENERATION_SECONDS) {
      this.#old = this.#young;
      this.#young = emptyGeneration();
      this.#youngSince = now;
    }
    this.#young.entries.set(token, entry);
    this.#young.bytes += entry.bytes;
  }
}

function emptyGeneration(): Generation {
  return { entries: new Map(), bytes: 0 };
}

function remove(generation: Generation, token: string): Entry | undefined {
  const entry = generation.entries.get(token);
  if (entry === undefined) return undefined;
  generation.entries.delete(token);
  generation.bytes -= entry.bytes;
  return entry;
}

/** What V8 needs for an entry besides its claims: the record, the principal, the map's slot, hashed keys. */
const ENTRY_BYTES = 1200;

function estimateBytes(token: string, { claims, principal }: VerifiedToken): number {
  return ENTRY_BYTES + token.length + heapBytes(claims) + principal.permissions.size * 40;
}

/** A cautious estimate of the heap that a JSON value takes. */
function heapBytes(value: unknown): number {
  if (typeof value === 'string') return 24 + value.length * 2;
  if (typeof value !== 'object' || value === null) return 16;
  let bytes = 64;
  if (Array.isArray(value)) for (const child of value as unknown[]) bytes += 16 + heapBytes(child);
  // Not Object.entries, which takes ten times as long.
  else for (const name in value) bytes += 56 + name.length * 2 + heapBytes((value as JsonObject)[name]);
  return bytes;
}
