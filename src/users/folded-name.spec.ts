import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { foldName } from './folded-name.js';

describe('a folded name', () => {
  it.each([
    ['Ann', 'ann'],
    ['ANN@Example.ORG', 'ann@example.org'],
    ['bİg', 'big'],
    ['ΑΣ', 'ασ'],
    ['ÄNNE', 'änne'],
    ['\u{1F600}', '\u{1F600}'],
  ])('of %s: %s', (name, folded) => {
    expect(foldName(name)).toBe(folded);
  });

  it('is its own, and has as many letters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const folded = foldName(name);
        expect(foldName(folded)).toBe(folded);
        expect(Array.from(folded)).toHaveLength(Array.from(name).length);
      }),
    );
  });
});
