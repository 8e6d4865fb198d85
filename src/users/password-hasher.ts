import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { hash, parseOptions, verify } from '@node-rs/argon2';
import { ENV, type Env } from '../../config/env.js';
import { Clock } from '../common/clock.js';
import { costMissing, type HashCost } from './hash-cost.js';
import { HashQueue } from './hash-queue.js';
import { normalisedPassword } from './password-text.js';

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** argon2id (RFC 9106) with the configured parameters, in PHC string format; a bounded number of hashes at a time. */
@Injectable()
export class PasswordHasher {
  private readonly queue: HashQueue;
  private readonly parameters: Env['argon2'];
  private readonly dummy: string;

  constructor(@Inject(ENV) env: Pick<Env, 'argon2' | 'hashConcurrency' | 'hashQueue'>, clock: Clock) {
    this.queue = new HashQueue(env.hashConcurrency, env.hashQueue, clock);
    this.parameters = env.argon2;
    this.dummy = dummyHash(env.argon2);
  }

  /** Before work that leads to a hash. @throws Problem 503 when too many hashes are waiting already */
  requireRoom(): void {
    this.queue.requireRoom();
  }

  /** @throws Problem 503 when too many hashes are waiting already */
  hash(password: string, signal?: AbortSignal): Promise<string> {
    const { memoryKib, iterations, parallelism } = this.parameters;
    // The library's defaults are argon2id, version 1.3 and a random salt of 16 bytes.
    const options = { memoryCost: memoryKib, timeCost: iterations, parallelism, outputLen: HASH_BYTES };
    return this.queue.run(() => hash(normalisedPassword(password), options), signal);
  }

  /**
   * Without a usable hash it does the same work and says no, and with one that costs less than new ones do it makes up for that: the time taken
   * tells neither whether there is such a user nor how long ago their password was set.
   *
   * @throws Problem 503 when too many hashes are waiting already
   */
  async verify(stored: string | null, password: string, signal?: AbortSignal): Promise<boolean> {
    const made = stored === null ? null : costOf(stored);
    const usable = made === null ? null : stored;
    const missing = made && costMissing(made, this.parameters);
    const text = normalisedPassword(password);
    return this.queue.run(async () => {
      const matches = await verify(usable ?? this.dummy, text);
      if (missing) await hash(text, { memoryCost: missing.memoryKib, timeCost: missing.iterations, parallelism: 1 });
      return usable !== null && matches;
    }, signal);
  }

  /** Whether the hash was made otherwise than new ones are. */
  needsRehash(stored: string): boolean {
    const [, ...made] = stored.split('$');
    const [, ...wanted] = this.dummy.split('$');
    const sameParameters = made.slice(0, 3).join('$') === wanted.slice(0, 3).join('$');
    const sameLengths = made.length === wanted.length && made.every((part, i) => part.length === wanted[i]?.length);
    return !(sameParameters && sameLengths);
  }
}

/** Null when it is no hash that any password can match. */
function costOf(stored: string): HashCost | null {
  try {
    const { memoryCost, timeCost } = parseOptions(stored);
    return { memoryKib: memoryCost, iterations: timeCost };
  } catch {
    return null;
  }
}

/** The hash of no password, as costly to verify as a real one. */
function dummyHash({ memoryKib, iterations, parallelism }: Env['argon2']): string {
  const base64 = (bytes: number): string => randomBytes(bytes).toString('base64').replaceAll('=', '');
  const parameters = `m=${memoryKib},t=${iterations},p=${parallelism}`;
  return `$argon2id$v=19$${parameters}$${base64(SALT_BYTES)}$${base64(HASH_BYTES)}`;
}
