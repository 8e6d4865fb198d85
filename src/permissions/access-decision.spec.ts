import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideAccess } from './access-decision.js';

const names = fc.array(fc.constantFrom<string[]>('users:read', 'users:write', 'roles:read', 'keys:read'));
const roleNames = fc.array(fc.constantFrom<string[]>('clerk', 'auditor', 'users:read'));
interface Strippable {
  permissions?: string[];
  roles?: string[];
}
const principal = (held: Strippable, stripped: Strippable = {}) => ({
  permissions: new Set(held.permissions),
  roles: held.roles ?? [],
  stripped: { roles: new Set(stripped.roles), permissions: new Set(stripped.permissions) },
});

describe('decideAccess', () => {
  it('allows a route that asks for a token alone', () => {
    expect(decideAccess([], principal({}))).toEqual({ kind: 'allow' });
  });

  it('allows exactly when every permission and every role is there, and no role passes for a permission', () => {
    fc.assert(
      fc.property(names, names, names, roleNames, roleNames, roleNames, (required, held, gone, roles, has, lost) => {
        const someone = principal({ permissions: held, roles: has }, { permissions: gone, roles: lost });
        const allowed = decideAccess(required, someone, roles).kind === 'allow';
        expect(allowed).toBe(
          required.every((name) => held.includes(name)) && roles.every((name) => has.includes(name)),
        );
      }),
    );
  });

  it('denies exactly when something is missing that was not taken away', () => {
    fc.assert(
      fc.property(names, names, names, roleNames, roleNames, roleNames, (required, held, gone, roles, has, lost) => {
        const someone = principal({ permissions: held, roles: has }, { permissions: gone, roles: lost });
        const known = (name: string): boolean => held.includes(name) || gone.includes(name);
        const knownRole = (name: string): boolean => has.includes(name) || lost.includes(name);
        expect(decideAccess(required, someone, roles).kind === 'deny').toBe(
          !(required.every(known) && roles.every(knownRole)),
        );
      }),
    );
  });

  it('asks for a new token when all that is missing was taken from a role since', () => {
    const stripped = principal({ permissions: ['users:read'] }, { permissions: ['users:write', 'keys:read'] });
    expect(decideAccess(['users:read', 'users:write'], stripped)).toEqual({ kind: 'refresh' });
  });

  it('asks for a new token when a role was taken away since', () => {
    const stripped = principal({ permissions: ['users:read'] }, { roles: ['clerk'] });
    expect(decideAccess(['users:read'], stripped, ['clerk'])).toEqual({ kind: 'refresh' });
  });

  it('denies when something is missing that the token never had', () => {
    const stripped = principal({}, { permissions: ['users:write'], roles: ['clerk'] });
    expect(decideAccess(['users:write', 'keys:read'], stripped)).toEqual({ kind: 'deny', missing: ['keys:read'] });
    expect(decideAccess(['users:write'], stripped, ['clerk', 'auditor'])).toEqual({
      kind: 'deny',
      missing: ['auditor'],
    });
  });
});
