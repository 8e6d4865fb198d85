import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isReservedClaim } from '../clients/reserved-claims.js';
import { givenClaimProblems } from './given-claims.js';

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

describe('claims for one token', () => {
  it.each([
    {},
    { tenant: 'a', plan: 7, beta: true, tags: ['x'], nothing: null },
    { 'https://example.org/tenant': { id: 1 } },
    { deep: nested(4) },
    { long: 'x'.repeat(2000) },
  ])('may be %j', (claims) => {
    expect(givenClaimProblems(claims, ['region'])).toEqual([]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ sub: 'admin' }, 'claims.sub'],
    [{ SUB: 'admin' }, 'claims.SUB'],
    [{ permissions: ['a:b'] }, 'claims.permissions'],
    [{ as_of: 1 }, 'claims.as_of'],
    [{ sid: 'x' }, 'claims.sid'],
    [{ auth_time: 1 }, 'claims.auth_time'],
    [{ region: 'eu' }, 'claims.region'],
    ...['role', 'permission', 'realm_access', 'resource_access', 'cognito:groups', 'is_admin', 'isAdmin'].map(
      (name): [Record<string, unknown>, string] => [{ [name]: ['admin'] }, `claims.${name}`],
    ),
    [{ 'https://hasura.io/jwt/claims': {} }, 'claims.https://hasura.io/jwt/claims'],
    [{ email: 'root@example.org' }, 'claims.email'],
    [{ username: 'root' }, 'claims.username'],
    [{ userName: 'root' }, 'claims.userName'],
    [{ name: 'Root' }, 'claims.name'],
    [{ deep: nested(5) }, 'claims.deep'],
    [{ '': 1 }, 'claims'],
    [{ 'a b': 1 }, 'claims'],
    [Object.fromEntries([['__proto__', 1]]), 'claims'],
    [{ long: 'x'.repeat(2048) }, 'claims'],
    [Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`c${n}`, 1])), 'claims'],
  ])('may not be %j', (claims, field) => {
    expect(givenClaimProblems(claims, ['region'])).toEqual([{ field, message: expect.any(String) }]);
  });

  it('are never reserved ones, whatever else is with them', () => {
    const name = fc.oneof(fc.constantFrom('iss', 'Exp', 'jti', 'client_id', 'roles', 'act'), fc.string());
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue(), { maxKeys: 20 }), (claims) => {
        const reserved = Object.keys(claims).some(isReservedClaim);
        if (reserved) expect(givenClaimProblems(claims, [])).not.toEqual([]);
      }),
    );
  });
});
