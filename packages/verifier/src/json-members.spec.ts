import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { membersKept, membersWritten } from './json-members.js';

describe('membersWritten', () => {
  it.each([
    ['{}', 0, 1],
    ['[[]]', 0, 2],
    ['{"a":[{"b":1}]}', 2, 3],
    ['[[],[],[[]]]', 0, 3],
    ['"[[[[:"', 0, 0],
    ['["\\"[[:","]]]"]', 0, 1],
    ['{"a\\\\":[],"a\\\\":":"}', 2, 2],
  ])('counts %p: %p members, %p deep', (text, members, depth) => {
    expect(membersWritten(text, depth)).toBe(members);
    if (depth > 0) expect(membersWritten(text, depth - 1)).toBeUndefined();
  });

  it('does not wait for what was opened to be closed', () => {
    expect(membersWritten('['.repeat(65), 64)).toBeUndefined();
  });

  it('measures every JSON text as deep as its value is, and finds the members that its value has', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 }), fc.nat(8), (value, limit) => {
        const text = JSON.stringify(value);
        const written = membersWritten(text, limit);
        expect(written).toBe(depthOf(value) > limit ? undefined : membersKept(JSON.parse(text)));
      }),
    );
  });
});

describe('membersKept', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":[{"y":{"b":1,"c":2,"b":1}}]}',
    '[{"":1,"":2}]',
    '{"1":1,"2":2,"1":3}',
    '{"toString":1,"toString":2}',
  ])('are fewer than were written in %s', (text) => {
    expect(membersKept(JSON.parse(text))).toBeLessThan(membersWritten(text, 32) ?? 0);
  });

  it('are fewer than were written whenever any member is written again, wherever that is', () => {
    const name = fc.string({ unit: 'binary' }).filter((text) => text !== '__proto__');
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.jsonValue(), { minKeys: 1 }),
        fc.jsonValue(),
        fc.nat(),
        (members, value, nth) => {
          const again = Object.keys(members)[nth % Object.keys(members).length];
          const text = `${JSON.stringify(members).slice(0, -1)},${JSON.stringify(again)}:${JSON.stringify(value)}}`;
          const nested = `{"outer":[${text}]}`;
          for (const one of [text, nested])
            expect(membersKept(JSON.parse(one))).toBeLessThan(membersWritten(one, 1000) ?? 0);
        },
      ),
    );
  });
});
