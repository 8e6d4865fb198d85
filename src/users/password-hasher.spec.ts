import { describe, expect, it } from '@jest/globals';
import { hashRaw } from '@node-rs/argon2';
import { Clock } from '../common/clock.js';
import { PasswordHasher } from './password-hasher.js';

const WEAK = { memoryKib: 64, iterations: 1, parallelism: 1 };
const hasher = (argon2 = WEAK) => new PasswordHasher({ argon2, hashConcurrency: 2, hashQueue: 10 }, new Clock());

describe('PasswordHasher', () => {
  it('makes salted argon2id hashes in PHC string format with the configured parameters', async () => {
    const made = await hasher().hash('correct horse');
    expect(made).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher().hash('correct horse')).not.toBe(made);
  });

  it('agrees with RFC 9106 as others compute it', async () => {
    const made = await hasher().hash('correct horse');
    const [salt = '', digest = ''] = made.split('$').slice(-2);
    const options = { memoryCost: 64, timeCost: 1, parallelism: 1, salt: Buffer.from(salt, 'base64') };
    const raw = await hashRaw('correct horse', options);
    expect(raw.toString('base64').replaceAll('=', '')).toBe(digest);
  });

  it('knows the password again, and no other', async () => {
    const made = await hasher().hash('correct horse');
    await expect(hasher().verify(made, 'correct horse')).resolves.toBe(true);
    await expect(hasher().verify(made, 'Correct horse')).resolves.toBe(false);
    await expect(hasher().verify(made, '')).resolves.toBe(false);
  });

  it('knows it again however the characters were put together', async () => {
    const made = await hasher().hash('caf\u00e9 \ufb03');
    await expect(hasher().verify(made, 'cafe\u0301 ffi')).resolves.toBe(true);
  });

  it('verifies hashes of other parameters', async () => {
    const made = await hasher({ memoryKib: 128, iterations: 2, parallelism: 2 }).hash('correct horse');
    await expect(hasher().verify(made, 'correct horse')).resolves.toBe(true);
  });

  it.each([null, '', '!', '$2b$10$abcdefghijklmnopqrstuv', '$argon2id$v=19$m=64,t=1,p=1$short'])(
    'says no to %j, which no password can match',
    async (stored) => {
      await expect(hasher().verify(stored, 'correct horse')).resolves.toBe(false);
    },
  );

  it.each([
    ['one', 4],
    ['one from before the cost was raised', 1],
  ])('takes as long without a hash as with %s', async (_, iterations) => {
    const costly = hasher({ memoryKib: 19_456, iterations: 4, parallelism: 1 });
    const made = await hasher({ memoryKib: 19_456, iterations, parallelism: 1 }).hash('correct horse');
    const fastest = async (stored: string | null): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const before = performance.now();
        await costly.verify(stored, 'wrong horse');
        times.push(performance.now() - before);
      }
      return Math.min(...times);
    };
    const ratio = (await fastest(null)) / (await fastest(made));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  it('wants a new hash when, and only when, it was made otherwise', async () => {
    const made = await hasher().hash('correct horse');
    expect(hasher().needsRehash(made)).toBe(false);
    const others = [
      hasher({ ...WEAK, memoryKib: 128 }),
      hasher({ ...WEAK, iterations: 2 }),
      hasher({ ...WEAK, parallelism: 2 }),
    ];
    expect(others.map((other) => other.needsRehash(made))).toEqual([true, true, true]);
    const argon2i = made.replace('argon2id', 'argon2i');
    expect(hasher().needsRehash(argon2i)).toBe(true);
    expect(hasher().needsRehash(made.slice(0, -1))).toBe(true);
    expect(hasher().needsRehash('not a hash')).toBe(true);
  });

  it('turns hashes away when too many wait', async () => {
    const small = new PasswordHasher({ argon2: WEAK, hashConcurrency: 1, hashQueue: 2 }, new Clock());
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => small.verify(null, 'correct horse')));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(5);
  });
});
