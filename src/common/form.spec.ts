import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formDecoded, parseForm } from './form.js';

const parsed = (text: string): Record<string, readonly string[]> | undefined => {
  const form = parseForm(text);
  return form && Object.fromEntries(form);
};

describe('a form', () => {
  it.each([
    ['', {}],
    ['grant_type=client_credentials', { grant_type: ['client_credentials'] }],
    ['scope=a+b%20c&x=1%2B1', { scope: ['a b c'], x: ['1+1'] }],
    ['resource=a&resource=b&resource=a', { resource: ['a', 'b', 'a'] }],
    ['a=b=c', { a: ['b=c'] }],
    ['na%C3%AFve=%F0%9F%92%A5', { naïve: ['💥'] }],
    ['a=&b&c=1&&=', { c: ['1'] }],
    ['a=&a=1', { a: ['', '1'] }],
    [
      '__proto__=1&constructor=2',
      Object.fromEntries([
        ['__proto__', ['1']],
        ['constructor', ['2']],
      ]),
    ],
  ])('is taken apart: %p', (text, fields) => {
    expect(parsed(text)).toEqual(fields);
  });

  it.each(['a=%', 'a=%zz', 'a=%e9', '%c3=1', 'a=%ed%a0%80', 'a=%00%fe'])('is refused when broken: %p', (text) => {
    expect(parsed(text)).toBeUndefined();
  });

  it('has at most 64 fields', () => {
    const fields = (count: number): string => Array.from({ length: count }, (_, n) => `f${n}=1`).join('&');
    expect(parseForm(fields(64))?.size).toBe(64);
    expect(parseForm(fields(65))).toBeUndefined();
    expect(parseForm('&'.repeat(60_000))).toBeUndefined();
  });

  it('holds what URLSearchParams wrote', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 20 }), (pairs) => {
        const written = new URLSearchParams(pairs);
        const form = parseForm(written.toString());
        for (const name of new Set(written.keys())) {
          const values = written.getAll(name);
          expect(form?.get(name)).toEqual(values.every((value) => value === '') ? undefined : values);
        }
      }),
    );
  });

  it('is nothing but text to take apart, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parseForm(text)).not.toThrow();
      }),
    );
  });
});

describe('formDecoded', () => {
  it('undoes what a client does to its id and its secret (RFC 6749 section 2.3.1)', () => {
    const encoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => formDecoded(encoded(text)) === text));
  });
});
