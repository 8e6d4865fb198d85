import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CLAIM_ATTRIBUTES, claimProblems, extraClaims, MOST_EXTRA_CLAIMS } from './extra-claims.js';
import { isReservedClaim } from './reserved-claims.js';

const ANN = { id: 'u1', username: 'ann', email: 'ann@example.org', displayName: 'Ann Example' };
const BILLING = { id: 'billing', name: 'Billing' };
const EVERYTHING = {
  who: 'user.id',
  login: 'user.username',
  email: 'user.email',
  name: 'user.displayName',
  'https://example.org/client': 'client.id',
  app: 'client.name',
};

describe('claimProblems', () => {
  it('finds nothing wrong with names of one’s own for attributes of the whitelist', () => {
    expect(claimProblems(EVERYTHING)).toEqual([]);
    expect(claimProblems({})).toEqual([]);
  });

  it.each([
    ['iss', 'client.id'],
    ['sub', 'user.username'],
    ['aud', 'client.id'],
    ['exp', 'user.id'],
    ['nbf', 'user.id'],
    ['iat', 'user.id'],
    ['jti', 'user.id'],
    ['client_id', 'client.id'],
    ['sid', 'user.id'],
    ['roles', 'user.displayName'],
    ['permissions', 'user.displayName'],
    ['scope', 'user.displayName'],
    ['as_of', 'user.id'],
    ['auth_time', 'user.id'],
    ['amr', 'user.id'],
    ['acr', 'user.id'],
    ['typ', 'user.id'],
    ['cnf', 'user.id'],
    ['act', 'user.id'],
    ['azp', 'client.id'],
    ['preferred_username', 'user.email'],
    ['email_verified', 'user.email'],
    ['Sub', 'user.username'],
    ['role', 'user.displayName'],
    ['isAdmin', 'user.displayName'],
    ['cognito:groups', 'user.displayName'],
    ['constructor', 'user.id'],
    ['toString', 'user.id'],
  ])('refuses the reserved name %s', (name, attribute) => {
    expect(claimProblems({ [name]: attribute })).toEqual([{ field: `claims.${name}`, message: 'is a reserved claim' }]);
  });

  it.each(['', ' ', '__proto__', '_sub', 'a b', 'a\0', 'sub ', '\u017fub', 'é', 'a'.repeat(129), 'x.', '9'])(
    'refuses what is no name: %j',
    (name) => {
      const claims = Object.fromEntries([[name, 'user.id']]);
      expect(claimProblems(claims)).toMatchObject([{ field: 'claims' }]);
    },
  );

  it.each(['user.passwordHash', 'user', 'User.email', 'constructor', '', null, 1, {}, ['user.email'], undefined])(
    'refuses the attribute %j',
    (attribute) => {
      expect(claimProblems({ email: attribute })).toMatchObject([{ field: 'claims.email' }]);
    },
  );

  it('counts them', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`c${n.toString()}`, 'user.id']));
    expect(claimProblems(many(MOST_EXTRA_CLAIMS))).toEqual([]);
    expect(claimProblems(many(MOST_EXTRA_CLAIMS + 1))).toMatchObject([{ field: 'claims' }]);
  });
});

describe('extraClaims', () => {
  it('tells what was asked for', () => {
    expect(extraClaims(EVERYTHING, { user: ANN, client: BILLING })).toEqual({
      who: 'u1',
      login: 'ann',
      email: 'ann@example.org',
      name: 'Ann Example',
      'https://example.org/client': 'billing',
      app: 'Billing',
    });
  });

  it('leaves out what there is not', () => {
    expect(extraClaims(EVERYTHING, { client: BILLING })).toEqual({
      'https://example.org/client': 'billing',
      app: 'Billing',
    });
    const nameless = { ...ANN, email: null, displayName: null };
    expect(extraClaims(EVERYTHING, { user: nameless, client: { id: 'portcullis', name: null } })).toEqual({
      who: 'u1',
      login: 'ann',
      'https://example.org/client': 'portcullis',
    });
  });

  it('makes no reserved claim and tells nothing beyond the whitelist, whatever the configuration says', () => {
    const subject = { user: { ...ANN, passwordHash: 'secret' }, client: { ...BILLING, epoch: 'secret' } };
    const allowed: string[] = [...Object.values(ANN), ...Object.values(BILLING)];
    const name = fc.oneof(
      fc.constantFrom('sub', 'SUB', 'iss', 'permissions', '__proto__', 'constructor', 'email', 'scope'),
      fc.string({ unit: 'binary' }),
    );
    const attribute = fc.oneof(
      fc.constantFrom(...CLAIM_ATTRIBUTES, 'user.passwordHash', 'client.epoch', '__proto__', 'constructor'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, attribute)), (entries) => {
        const claims = extraClaims(Object.fromEntries(entries), subject);
        expect(Object.getPrototypeOf(claims)).toBe(Object.prototype);
        for (const [claim, value] of Object.entries(claims)) {
          expect(isReservedClaim(claim)).toBe(false);
          expect(allowed).toContain(value);
        }
      }),
    );
  });
});
