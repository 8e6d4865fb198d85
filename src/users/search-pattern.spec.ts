import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { prefixPattern } from './search-pattern.js';

/** LIKE as Postgres documents it, for patterns with the escape character backslash. */
function like(text: string, pattern: string): boolean {
  const source = pattern.replace(/\\([^])|%|_|[^]/g, (part, escaped: string | undefined) => {
    if (part === '%') return '[^]*';
    if (part === '_') return '[^]';
    return (escaped ?? part).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`).test(text);
}

describe('prefixPattern', () => {
  it('matches what starts with the text, and nothing else', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '%', '_', '\\', '.'), maxLength: 6 });
    fc.assert(
      fc.property(text, text, (searched, candidate) => {
        expect(like(candidate, prefixPattern(searched))).toBe(candidate.startsWith(searched));
        expect(like(searched + candidate, prefixPattern(searched))).toBe(true);
      }),
    );
  });
});
