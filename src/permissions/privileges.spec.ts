import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BUILT_IN_PERMISSIONS } from './built-in.js';
import { isAdministrator, lacking, missing } from './privileges.js';

const permission = fc.constantFrom(...BUILT_IN_PERMISSIONS, 'billing:read', 'billing:write', 'orders:*');
const permissions = fc.array(permission).map((names) => new Set<string>(names));
const person = (held: ReadonlySet<string>) => ({ type: 'user' as const, permissions: held });

describe('privileges', () => {
  it('names exactly what is required and not held', () => {
    expect(missing(['users:write', 'keys:read', 'users:write'], new Set(['keys:read']))).toEqual(['users:write']);
    fc.assert(
      fc.property(permissions, permissions, (required, held) => {
        const lacks = new Set(missing(required, held));
        expect(new Set([...required].filter((name) => !held.has(name)))).toEqual(lacks);
      }),
    );
  });

  it('lets no chain of grants reach a permission that nobody in it held at the start', () => {
    const everyoneButAdministrators = fc.array(permissions, { minLength: 1, maxLength: 4 });
    const grants = fc.array(fc.tuple(fc.nat(3), fc.nat(3), permissions), { maxLength: 20 });
    fc.assert(
      fc.property(everyoneButAdministrators, grants, (start, steps) => {
        const held = start.map((names) => new Set(names));
        const ceiling = new Set(start.flatMap((names) => [...names]));
        fc.pre(!isAdministrator(ceiling));
        for (const [from, to, granted] of steps) {
          const giver = held[from % held.length] ?? new Set();
          const receiver = held[to % held.length] ?? new Set();
          if (lacking(person(giver), granted).length === 0) for (const name of granted) receiver.add(name);
        }
        for (const names of held) expect(missing(names, ceiling)).toEqual([]);
      }),
    );
  });

  it('allows with more permissions whatever it allows with fewer', () => {
    fc.assert(
      fc.property(permissions, permissions, permissions, (held, more, required) => {
        const before = lacking(person(held), required);
        const after = lacking(person(new Set([...held, ...more])), required);
        expect(missing(after, new Set(before))).toEqual([]);
      }),
    );
  });

  it('counts whoever holds every built-in permission as holding those of teams, and nobody else', () => {
    const all = new Set<string>(BUILT_IN_PERMISSIONS);
    expect(lacking(person(all), ['billing:write'])).toEqual([]);
    for (const one of BUILT_IN_PERMISSIONS) {
      const allButOne = new Set([...all, 'billing:read'].filter((name) => name !== one));
      expect(lacking(person(allButOne), ['billing:write', one])).toEqual(['billing:write', one].sort());
    }
  });

  it('lets the system do what it must, without permissions', () => {
    expect(lacking({ type: 'system', permissions: new Set() }, ['users:write'])).toEqual([]);
    expect(lacking({ type: 'anonymous', permissions: new Set() }, ['users:write'])).toEqual(['users:write']);
  });
});
