import { describe, expect, it } from '@jest/globals';
import type { TokenClaims } from './claims.js';
import { hashedKey } from './events.js';
import { NO_AS_OF, VerifiedToken } from './verified-token.js';

function claims(overrides: object = {}): TokenClaims {
  return {
    iss: 'i',
    sub: 'u1',
    aud: ['a'],
    exp: 400,
    iat: 100,
    jti: 't1',
    client_id: 'c',
    sid: 's1',
    as_of: 7,
    ...overrides,
  };
}

describe('VerifiedToken', () => {
  it('reads as_of', () => {
    expect(new VerifiedToken(claims(), 'k1').asOf).toBe(7);
    expect(new VerifiedToken(claims({ as_of: 0 }), 'k1').asOf).toBe(0);
    expect(new VerifiedToken(claims({ as_of: Number.MAX_SAFE_INTEGER }), 'k1').asOf).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([undefined, null, -1, 1.5, '7', NaN, Infinity, 2 ** 53, [7], true])(
    'does not take %p for an as_of',
    (asOf) => {
      expect(new VerifiedToken(claims({ as_of: asOf }), 'k1').asOf).toBe(NO_AS_OF);
    },
  );

  it('names what events may be about, in plain and hashed', () => {
    const token = new VerifiedToken(claims(), 'k1');
    expect(token.eventKeys(false)).toEqual({ user: 'u1', user_facts: 'u1', session: 's1', token: 't1' });
    expect(token.eventKeys(true)).toEqual({
      user: hashedKey('user', 'u1'),
      user_facts: hashedKey('user_facts', 'u1'),
      session: hashedKey('session', 's1'),
      token: hashedKey('token', 't1'),
    });
    expect(token.eventKeys(true)).toBe(token.eventKeys(true));
  });

  it('has no session key outside sessions', () => {
    const token = new VerifiedToken(claims({ sid: undefined }), 'k1');
    expect(token.eventKeys(false).session).toBeNull();
    expect(token.eventKeys(true).session).toBeNull();
  });

  it('freezes its claims all the way down', () => {
    const token = new VerifiedToken(claims({ roles: ['ops'], tenant: { tags: [{ name: 'x' }] } }), 'k1');
    expect(() => (token.claims.roles as string[]).push('admin')).toThrow(TypeError);
    expect(() => Object.assign(token.claims, { sub: 'root' })).toThrow(TypeError);
    expect(() => (token.claims['tenant'] as { tags: { name: string }[] }).tags.pop()).toThrow(TypeError);
  });
});
