import { describe, expect, it } from '@jest/globals';
import { VerifiedToken, withoutStripped, type TokenClaims } from '@portcullis/verifier';
import { INACTIVE, aboutAccessToken, aboutRefreshToken, mayAskAbout, type Introspector } from './introspection.js';

const CLAIMS: TokenClaims = {
  iss: 'https://auth.example.org',
  sub: 'alice',
  aud: 'https://auth.example.org',
  exp: 300,
  iat: 0,
  jti: 'j',
  client_id: 'portcullis',
  sid: 's',
  roles: ['support', 'auditor'],
  permissions: ['users:read', 'audit:read'],
  scope: 'users:read audit:read',
  as_of: 1,
};
const principalOf = (claims: Partial<TokenClaims> = {}) => new VerifiedToken({ ...CLAIMS, ...claims }, 'k').principal;

describe('what is said about an access token', () => {
  it('is what it says, but for what only verifiers need', () => {
    expect(aboutAccessToken(principalOf())).toEqual({
      ...Object.fromEntries(Object.entries(CLAIMS).filter(([name]) => name !== 'as_of')),
      active: true,
      token_type: 'Bearer',
    });
    const more = aboutAccessToken(principalOf({ nbf: 1, preferred_username: 'Alice', aud: ['a', 'b'] }));
    expect(more).toMatchObject({ nbf: 1, username: 'Alice', aud: ['a', 'b'] });
  });

  it('leaves out what was taken away since', () => {
    const stripped = { roles: new Set(['support']), permissions: new Set(['users:read']) };
    expect(aboutAccessToken(withoutStripped(principalOf(), stripped))).toMatchObject({
      roles: ['auditor'],
      permissions: ['audit:read'],
      scope: 'audit:read',
    });
    const all = { roles: new Set<string>(), permissions: new Set(['users:read', 'audit:read']) };
    expect(aboutAccessToken(withoutStripped(principalOf(), all))).not.toHaveProperty('scope');
  });

  it('names the subjects of a broker’s token', () => {
    const permissions = { sub: ['/a/*'], pub: [], all: [] };
    expect(aboutAccessToken(principalOf({ permissions })).permissions).toEqual(permissions);
  });
});

describe('what is said about a refresh token', () => {
  const session = {
    sessionId: 's',
    userId: 'alice',
    clientId: 'portcullis',
    audience: ['https://auth.example.org'],
    createdAt: new Date(1_000),
    expiresAt: new Date(9_999),
  };

  it('is its session', () => {
    expect(aboutRefreshToken(session, 'https://auth.example.org')).toEqual({
      active: true,
      iss: 'https://auth.example.org',
      sub: 'alice',
      aud: 'https://auth.example.org',
      client_id: 'portcullis',
      sid: 's',
      iat: 1,
      exp: 9,
    });
    expect(aboutRefreshToken({ ...session, audience: ['a', 'b'] }, 'i').aud).toEqual(['a', 'b']);
  });
});

describe('about a token asks', () => {
  const orders: Introspector = { clientId: 'o', audiences: ['orders', 'billing'], mayAskAboutAll: false };

  it.each([
    ['a service that it is for', ['orders'], orders, true],
    ['a service that it is for as well', ['payroll', 'billing'], orders, true],
    ['no service that it is not for', ['payroll'], orders, false],
    ['nobody for nothing', [], orders, false],
    ['whoever may ask about all', ['payroll'], { ...orders, mayAskAboutAll: true }, true],
  ])('%s', (_, audience, asker, expected) => {
    expect(mayAskAbout(audience, asker)).toBe(expected);
  });

  it('hears no more than this when it may not', () => {
    expect(INACTIVE).toEqual({ active: false });
  });
});
