import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nestsDeeperThan } from './nesting.js';

describe('nestsDeeperThan', () => {
  it.each([
    ['{}', 1],
    ['[[]]', 2],
    ['{"a":[{"b":1}]}', 3],
    ['[[],[],[[]]]', 3],
    ['"[[[["', 0],
    ['["\\"[[","]]]"]', 1],
    ['{"a\\\\":[]}', 2],
  ])('measures %p as %p deep', (text, depth) => {
    expect(nestsDeeperThan(depth, text)).toBe(false);
    if (depth > 0) expect(nestsDeeperThan(depth - 1, text)).toBe(true);
  });

  it('does not wait for what was opened to be closed', () => {
    expect(nestsDeeperThan(64, '['.repeat(65))).toBe(true);
  });

  it('measures every JSON text as deep as its value is', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 }), fc.nat(8), (value, limit) => {
        expect(nestsDeeperThan(limit, JSON.stringify(value))).toBe(depthOf(value) > limit);
      }),
    );
  });
});
