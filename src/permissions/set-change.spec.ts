import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { changeOf, isUnchanged } from './set-change.js';

const names = fc.array(fc.constantFrom<string[]>('a', 'b', 'c', 'd', 'e'));

describe('changeOf', () => {
  it('leads from the one set to the other without touching what stays', () => {
    fc.assert(
      fc.property(names, names, (current, wanted) => {
        const { added, removed } = changeOf(current, wanted);
        const result = new Set([...current.filter((name) => !removed.includes(name)), ...added]);
        expect(result).toEqual(new Set(wanted));
        expect(added.some((name) => current.includes(name))).toBe(false);
        expect(removed.some((name) => wanted.includes(name))).toBe(false);
      }),
    );
  });

  it('is empty for the same set in another order', () => {
    expect(isUnchanged(changeOf(['a', 'b'], ['b', 'a', 'b']))).toBe(true);
    expect(isUnchanged(changeOf(['a'], ['a', 'b']))).toBe(false);
  });
});
