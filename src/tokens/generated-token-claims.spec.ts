import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { GeneratedFacts } from './generated-facts.js';
import { generatedTokenClaims, type RecordedToken } from './generated-token-claims.js';

const ISSUER = 'https://auth.example';
const facts: GeneratedFacts = {
  asOf: 1_795_000_000_000_001,
  now: 1_795_000_000.75,
  keep: 86_400,
  kid: 'k',
  audience: ['urn:orders'],
  audiences: null,
  user: { id: 'user-1', username: 'ann', email: 'ann@example.org', displayName: null },
  client: null,
  roles: ['editor'],
  rolePermissions: ['articles:read', 'articles:write'],
  permissions: ['orders:read'],
};
const token: RecordedToken = {
  jti: 'token-1',
  subject: 'user-1',
  subjectKind: 'user',
  clientId: 'portcullis',
  issuedAt: 1_795_000_000,
  expiresAt: 1_795_000_600,
  notBefore: null,
  roles: ['editor'],
  permissions: ['orders:read'],
  fromRoles: ['articles:read', 'articles:write'],
  claims: {},
};

describe('the claims of a generated token', () => {
  it('are those of an access token without a session', () => {
    expect(generatedTokenClaims(facts, token, ISSUER)).toEqual({
      iss: ISSUER,
      sub: 'user-1',
      aud: 'urn:orders',
      exp: 1_795_000_600,
      iat: 1_795_000_000,
      jti: 'token-1',
      client_id: 'portcullis',
      roles: ['editor'],
      permissions: ['articles:read', 'articles:write', 'orders:read'],
      scope: 'articles:read articles:write orders:read',
      as_of: 1_795_000_000_000_001,
    });
  });

  it('permit subjects in place of permissions, where these were asked for', () => {
    const permissions = { sub: ['/a'], pub: [], all: [] };
    const claims = generatedTokenClaims(facts, { ...token, permissions }, ISSUER);
    expect(claims).toMatchObject({ permissions, roles: ['editor'] });
    expect(claims).not.toHaveProperty('scope');
  });

  it('leave out what went between the record and the facts', () => {
    const later = { ...facts, roles: [], rolePermissions: [], permissions: [] };
    expect(generatedTokenClaims(later, token, ISSUER)).toMatchObject({ roles: [], permissions: [], scope: '' });
  });

  it('never permit more than was granted, nor anything that is gone', () => {
    const names = fc.uniqueArray(fc.constantFrom('a:a', 'b:b', 'c:c', 'd:d', 'e:e'));
    fc.assert(
      fc.property(names, names, names, names, (permissions, fromRoles, still, rolePermissions) => {
        const claims = generatedTokenClaims(
          { ...facts, permissions: still, rolePermissions },
          { ...token, permissions, fromRoles },
          ISSUER,
        );
        const expected = [
          ...permissions.filter((name) => still.includes(name)),
          ...fromRoles.filter((name) => rolePermissions.includes(name)),
        ];
        expect(claims?.permissions).toEqual([...new Set(expected)].sort());
      }),
    );
  });

  it('are none once the subject is gone', () => {
    expect(generatedTokenClaims({ ...facts, user: null }, token, ISSUER)).toBeNull();
    expect(generatedTokenClaims(facts, { ...token, subjectKind: 'client' }, ISSUER)).toBeNull();
    const other = { ...token, subject: 'device', subjectKind: 'other' as const };
    expect(generatedTokenClaims({ ...facts, user: null }, other, ISSUER)).toMatchObject({ sub: 'device' });
  });

  it('say what this service says, whatever claims were given or declared', () => {
    const claims = {
      iss: 'x',
      sub: 'x',
      aud: 'x',
      exp: 0,
      jti: 'x',
      client_id: 'x',
      permissions: ['x'],
      as_of: 0,
      own: 1,
    };
    const audiences = [
      { identifier: 'urn:orders', algorithm: 'RS256', tokenTtlSeconds: null, claims: { own: 'user.email' }, kid: 'k' },
    ];
    expect(generatedTokenClaims({ ...facts, audiences }, { ...token, claims }, ISSUER)).toEqual({
      ...generatedTokenClaims(facts, token, ISSUER),
      own: 'ann@example.org',
    });
  });

  it('begin later where that was asked for', () => {
    expect(generatedTokenClaims(facts, { ...token, notBefore: 1_795_000_100 }, ISSUER)?.nbf).toBe(1_795_000_100);
  });
});
