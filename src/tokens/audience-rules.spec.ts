import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { audClaim, declaredClaims, lifetimeAllowed } from './audience-rules.js';
import type { AudienceFacts } from './minting-facts.js';

const ISSUER = 'https://auth.example';
const row = (identifier: string, rest: Partial<AudienceFacts> = {}): AudienceFacts => ({
  identifier,
  algorithm: 'RS256',
  tokenTtlSeconds: null,
  claims: {},
  kid: 'k',
  ...rest,
});

describe('the lifetime that audiences allow', () => {
  const audiences = [
    row('urn:minute', { tokenTtlSeconds: 60 }),
    row('urn:hour', { tokenTtlSeconds: 3600 }),
    row('urn:any'),
  ];

  it.each([
    [[ISSUER], 300],
    [['urn:minute'], 60],
    [['urn:hour'], 3600],
    [['urn:any'], 300],
    [['urn:minute', 'urn:hour'], 60],
    [['urn:hour', ISSUER], 300],
    [['urn:hour', 'urn:any'], 300],
  ])('for %j is %i, where 300 is usual', (audience, seconds) => {
    expect(lifetimeAllowed({ audience, audiences }, 300)).toBe(seconds);
  });

  it('is never more than any one of them allows', () => {
    const names = fc.uniqueArray(fc.constantFrom(ISSUER, 'urn:minute', 'urn:hour', 'urn:any'), { minLength: 1 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 10_000 }), (audience, usual) => {
        const together = lifetimeAllowed({ audience, audiences }, usual);
        for (const one of audience)
          expect(together).toBeLessThanOrEqual(lifetimeAllowed({ audience: [one], audiences }, usual));
      }),
    );
  });
});

describe('declared claims', () => {
  const user = { id: 'u1', username: 'ann', email: 'ann@example.org', displayName: null };
  const client = { id: 'portcullis', name: null };

  it('are those of all audiences that the token is for, and of no other', () => {
    const audiences = [
      row('urn:a', { claims: { mail: 'user.email' } }),
      row('urn:b', { claims: { login: 'user.username' } }),
      row('urn:c', { claims: { app: 'client.id' } }),
    ];
    expect(declaredClaims({ audience: ['urn:a', ISSUER, 'urn:b'], audiences }, { user, client })).toEqual({
      mail: 'ann@example.org',
      login: 'ann',
    });
    expect(declaredClaims({ audience: [ISSUER], audiences: null }, { user, client })).toEqual({});
  });

  it('are by the word of the first, where two differ', () => {
    const audiences = [row('urn:a', { claims: { who: 'user.id' } }), row('urn:b', { claims: { who: 'user.email' } })];
    expect(declaredClaims({ audience: ['urn:b', 'urn:a'], audiences }, { user, client })).toEqual({
      who: 'ann@example.org',
    });
    expect(declaredClaims({ audience: ['urn:a', 'urn:b'], audiences }, { user, client })).toEqual({ who: 'u1' });
  });
});

describe('aud', () => {
  it('is a list only where there are several', () => {
    expect([audClaim([]), audClaim(['a']), audClaim(['a', 'b'])]).toEqual([null, 'a', ['a', 'b']]);
  });
});
