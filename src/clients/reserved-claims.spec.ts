import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isIdentityClaim, isReservedClaim } from './reserved-claims.js';

describe('a reserved claim', () => {
  it.each([
    ...['sub', 'SUB', 'as_of', 'scope', 'Roles', 'at_hash', 'tostring', 'toString', 'email_verified'],
    ...[
      'role',
      'Role',
      'permission',
      'realm_access',
      'realmAccess',
      'resource_access',
      'is_admin',
      'isAdmin',
      'IS-ADMIN',
      'policy',
    ],
    ...[
      'https://hasura.io/jwt/claims',
      'x-hasura-role',
      'X-Hasura-User-Id',
      'cognito:groups',
      'cognito:preferred_role',
      'app_metadata',
    ],
    ...[
      'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
      'https://aws.amazon.com/tags',
      'clientId',
      'urn:zitadel:iam:org:project:roles',
    ],
  ])('is %s', (name) => {
    expect(isReservedClaim(name)).toBe(true);
  });

  it.each([
    'tenant',
    'tenant_id',
    'plan',
    'who',
    'login',
    'email',
    'name',
    'app',
    'device',
    'https://example.org/role',
    'locale',
    'rolex',
  ])('is not %s', (name) => {
    expect(isReservedClaim(name)).toBe(false);
  });

  it('is none the less so in another spelling', () => {
    const spelt = fc
      .constantFrom('sub', 'client_id', 'realm_access', 'is_admin', 'cognito:groups')
      .chain((name) =>
        fc.tuple(...Array.from(name).map((char) => fc.constantFrom(char, char.toUpperCase(), `${char}_`, `-${char}`))),
      );
    fc.assert(
      fc.property(spelt, (chars) => {
        expect(isReservedClaim(chars.join(''))).toBe(true);
      }),
    );
  });
});

describe('a claim that says who somebody is', () => {
  it.each([
    'email',
    'Email',
    'name',
    'username',
    'userName',
    'given_name',
    'upn',
    'unique_name',
    'user_id',
    'phone_number',
  ])('is %s', (name) => {
    expect([isIdentityClaim(name), isReservedClaim(name)]).toEqual([true, false]);
  });

  it.each(['tenant', 'names', 'https://example.org/email', 'plan'])('is not %s', (name) => {
    expect(isIdentityClaim(name)).toBe(false);
  });
});
