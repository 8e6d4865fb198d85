import { describe, expect, it } from '@jest/globals';
import type { TokenClaims } from './claims.js';
import { principalOf, withoutStripped } from './principal.js';

const CLAIMS: TokenClaims = {
  iss: 'i',
  sub: 'u1',
  aud: 'urn:a',
  exp: 400,
  iat: 100,
  jti: 't1',
  client_id: 'portcullis',
  sid: 's1',
  auth_time: 90,
  amr: ['pwd', 'otp', 'mfa'],
  roles: ['admin', 'ops'],
  permissions: ['users:read', 'users:write'],
  scope: 'users:read users:write',
};

describe('principalOf', () => {
  it('says who the token speaks for', () => {
    expect(principalOf(CLAIMS, 7)).toEqual({
      subject: 'u1',
      clientId: 'portcullis',
      sessionId: 's1',
      tokenId: 't1',
      audience: ['urn:a'],
      roles: ['admin', 'ops'],
      permissions: new Set(['users:read', 'users:write']),
      scope: 'users:read users:write',
      asOf: 7,
      issuedAt: 100,
      authTime: 90,
      amr: ['pwd', 'otp', 'mfa'],
      expiresAt: 400,
      stripped: { roles: new Set(), permissions: new Set() },
      claims: CLAIMS,
    });
  });

  it('takes what is absent for nothing', () => {
    const { iss, sub, aud, exp, iat, jti, client_id } = CLAIMS;
    const principal = principalOf({ iss, sub, aud, exp, iat, jti, client_id }, 7);
    expect(principal).toMatchObject({ sessionId: null, authTime: null, amr: [], roles: [], scope: '' });
    expect(principal.permissions.size).toBe(0);
  });

  it('takes no subject of a broker for a permission', () => {
    const broker = { ...CLAIMS, permissions: { sub: ['users:read'], pub: [], all: [] } };
    expect(principalOf(broker, 7).permissions.size).toBe(0);
  });

  it('cannot be changed by one of the requests that share it', () => {
    expect(Object.isFrozen(principalOf(CLAIMS, 7))).toBe(true);
  });
});

describe('withoutStripped', () => {
  it('leaves out roles and permissions, in the scope too, and names them', () => {
    const whole = principalOf(CLAIMS, 7);
    const stripped = { roles: new Set(['ops']), permissions: new Set(['users:write']) };
    expect(withoutStripped(whole, stripped)).toEqual({
      ...whole,
      roles: ['admin'],
      permissions: new Set(['users:read']),
      scope: 'users:read',
      stripped,
    });
    expect(whole.permissions.size).toBe(2);
  });
});
