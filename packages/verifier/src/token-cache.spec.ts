import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { TokenCache } from './token-cache.js';
import { VerifiedToken } from './verified-token.js';

// Keys and properties take long on a busy machine.
jest.setTimeout(60_000);

function verified({ exp = 1_000, padding = 0 }: { exp?: number; padding?: number } = {}): VerifiedToken {
  const claims = {
    iss: 'i',
    sub: 'u1',
    aud: 'a',
    exp,
    iat: 0,
    jti: 't1',
    client_id: 'c',
    as_of: 7,
    padding: 'x'.repeat(padding),
  };
  return new VerifiedToken(claims, 'k1');
}

const ROOMY = { maxEntries: 100, maxBytes: 1_000_000 };

describe('TokenCache', () => {
  it('remembers what it was given', () => {
    const cache = new TokenCache(ROOMY, () => 0);
    const token = verified();
    expect(cache.get('t1')).toBeUndefined();
    cache.set('t1', token);
    expect(cache.get('t1')).toBe(token);
    expect(cache.get('t2')).toBeUndefined();
  });

  it('counts a token that is set again once', () => {
    const cache = new TokenCache(ROOMY, () => 0);
    cache.set('t1', verified());
    const { bytes } = cache;
    cache.set('t1', verified());
    expect(cache).toMatchObject({ size: 1, bytes });
  });

  it('does not take in an expired token', () => {
    const cache = new TokenCache(ROOMY, () => 1_000);
    cache.set('t1', verified());
    expect(cache.size).toBe(0);
  });

  it('forgets within two minutes what nobody uses, and keeps what somebody does', () => {
    let now = 0;
    const cache = new TokenCache(ROOMY, () => now);
    cache.set('idle', verified());
    cache.set('used', verified());
    for (now = 30; now <= 150; now += 30) {
      cache.set(`other ${String(now)}`, verified());
      expect(cache.get('used')).toBeDefined();
    }
    expect(cache.get('idle')).toBeUndefined();
  });

  it('drops an expired token when its generation has passed, even if it is still sent', () => {
    let now = 0;
    const cache = new TokenCache(ROOMY, () => now);
    cache.set('t1', verified({ exp: 50 }));
    now = 60;
    cache.set('t2', verified());
    expect(cache.get('t1')).toBeUndefined();
    expect(cache.size).toBe(1);
  });

  it('goes on when the clock goes back', () => {
    let now = 900;
    const cache = new TokenCache(ROOMY, () => now);
    cache.set('t1', verified());
    for (now = 100; now < 400; now += 60) cache.set(`t ${String(now)}`, verified());
    expect(cache.get('t1')).toBeUndefined();
  });

  it('keeps the tokens in use through a flood of others', () => {
    const cache = new TokenCache(ROOMY, () => 0);
    cache.set('used', verified());
    for (let i = 0; i < 10_000; i++) {
      cache.set(`flood ${String(i)}`, verified());
      if (i % 20 === 0) expect(cache.get('used')).toBeDefined();
    }
    expect(cache.size).toBeLessThanOrEqual(ROOMY.maxEntries);
  });

  it.each([
    ['no entries', { maxEntries: 0, maxBytes: 1_000_000 }],
    ['no bytes', { maxEntries: 100, maxBytes: 0 }],
  ])('holds nothing when %s are allowed', (_name, limits) => {
    const cache = new TokenCache(limits, () => 0);
    cache.set('t1', verified());
    expect(cache).toMatchObject({ size: 0, bytes: 0 });
  });

  it('weighs claims: a list of many short names is heavier than its text', () => {
    const weigh = (permissions: string[]): number => {
      const cache = new TokenCache(ROOMY, () => 0);
      const claims = { ...verified().claims, permissions };
      cache.set('t1', new VerifiedToken(claims, 'k1'));
      return cache.bytes;
    };
    const names = Array.from({ length: 1_000 }, (_, i) => String(i));
    expect(weigh(names)).toBeGreaterThan(weigh([names.join('')]) + 1_000 * 50);
  });

  it('never exceeds its bounds and never confuses tokens', () => {
    const use = fc.record({
      set: fc.boolean(),
      name: fc.nat(60),
      padding: fc.nat(6_000),
      wait: fc.nat(20),
      exp: fc.nat(2_000),
    });
    const limits = fc.record({ maxEntries: fc.nat(30), maxBytes: fc.nat(60_000) });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 200 }), limits, (uses, { maxEntries, maxBytes }) => {
        let now = 0;
        const cache = new TokenCache({ maxEntries, maxBytes }, () => now);
        const given = new Map<string, VerifiedToken>();
        for (const { set, name, padding, wait, exp } of uses) {
          now += wait;
          const token = `token ${String(name)}`;
          if (set) {
            // One text has one meaning: what it says is signed.
            const value = given.get(token) ?? verified({ padding, exp });
            cache.set(token, value);
            given.set(token, value);
          } else {
            const found = cache.get(token);
            if (found !== undefined) expect(found).toBe(given.get(token));
          }
          expect(cache.size).toBeLessThanOrEqual(maxEntries);
          expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
          expect(cache.bytes >= cache.size * 1_000).toBe(true);
        }
      }),
    );
  });
});
