import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideAccess } from './access-decision.js';

const names = fc.array(fc.constantFrom('users:read', 'users:write', 'roles:read', 'keys:read'));
const principal = (permissions: string[], stripped: string[] = []) => ({
  permissions: new Set(permissions),
  stripped: { roles: new Set<string>(), permissions: new Set(stripped) },
});

describe('decideAccess', () => {
  it('allows a route that asks for a token alone', () => {
    expect(decideAccess([], principal([]))).toEqual({ kind: 'allow' });
  });

  it('allows exactly when every permission is there', () => {
    fc.assert(
      fc.property(names, names, names, (required, held, stripped) => {
        const allowed = decideAccess(required, principal(held, stripped)).kind === 'allow';
        expect(allowed).toBe(required.every((name) => held.includes(name)));
      }),
    );
  });

  it('asks for a new token when all that is missing was taken from a role since', () => {
    const stripped = principal(['users:read'], ['users:write', 'keys:read']);
    expect(decideAccess(['users:read', 'users:write'], stripped)).toEqual({ kind: 'refresh' });
  });

  it('denies when something is missing that the token never had', () => {
    const stripped = principal([], ['users:write']);
    expect(decideAccess(['users:write', 'keys:read'], stripped)).toEqual({ kind: 'deny', missing: ['keys:read'] });
  });
});
