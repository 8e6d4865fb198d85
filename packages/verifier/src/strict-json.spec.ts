import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readJsonObject } from './strict-json.js';

function read(text: string): unknown {
  return readJsonObject(Buffer.from(text));
}

describe('readJsonObject', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice, written differently', '{"a":1,"\\u0061":2}'],
    ['a member twice further down', '{"x":[{"b":{"c":1,"d":2,"c":3}}]}'],
    ['a member twice, one of them an object', '{"a":{"b":1,"c":2},"a":3}'],
    ['a member twice, the second an object', '{"a":3,"a":{"b":1,"c":2}}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['an array', '[]'],
    ['a string', '"{}"'],
    ['null', 'null'],
    ['a number', '1'],
    ['nothing', ''],
    ['half an object', '{"a":1'],
    ['an open string', '{"a":"'],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{"a":1}//'],
    ['two values', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['nesting deeper than 16', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`],
    ['arrays nested a hundred thousand deep', `{"a":${'['.repeat(100_000)}`],
  ])('refuses %s', (_name, text) => {
    expect(read(text)).toBeUndefined();
  });

  it.each([
    ['an overlong form', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['a surrogate', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['half a character', [0x7b, 0x22, 0xe2, 0x82, 0x22, 0x3a, 0x31, 0x7d]],
    ['latin1', [0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]],
  ])('refuses bytes that are not UTF-8: %s', (_name, bytes) => {
    expect(readJsonObject(Buffer.from(bytes))).toBeUndefined();
  });

  it.each([
    ['colons, braces and quotes within strings', '{"a:{[":"\\"b\\":{{{{{{{{{{{{{{{{{{","c\\\\":"}:"}'],
    ['the same name in different objects', '{"a":{"a":[{"a":1},{"a":2}]}}'],
    ['__proto__ as a plain member', '{"__proto__":{"admin":true}}'],
    ['nesting of 16', `${'{"a":'.repeat(16)}1${'}'.repeat(16)}`],
  ])('accepts %s', (_name, text) => {
    expect(read(text)).toEqual(JSON.parse(text));
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.string({ unit: fc.constantFrom(...Array.from('{}[]":,\\a1 ')) }),
        (bytes, text) => {
          readJsonObject(Buffer.from(bytes));
          read(text);
        },
      ),
    );
  });
});
