import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasUnpairedSurrogate } from './unpaired-surrogates.js';

const check = (text: string): boolean => hasUnpairedSurrogate(text, JSON.parse(text));

describe('half a surrogate pair in a JSON text', () => {
  it.each([
    '"\\ud800"',
    '"a\\uDFFFb"',
    '{"a":{"b":["x","\\ud83d"]}}',
    '{"\\udc00":1}',
    '"\\ude00\\ud83d"',
    '"\\ud83d\\ud83d\\ude00"',
  ])('is in %s', (text) => {
    expect(check(text)).toBe(true);
  });

  it.each([
    '"\\ud83d\\ude00"',
    '"😀"',
    '"\\\\ud800"',
    '{"\\ud83d\\ude00":["\\ud83d\\ude00",null,1,true]}',
    '"\\u00e9"',
  ])('is not in %s', (text) => {
    expect(check(text)).toBe(false);
  });

  it('is found wherever there is one', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = JSON.stringify(value);
        // What survives the way through UTF-8 was whole.
        const survives = JSON.stringify(JSON.parse(text)) === Buffer.from(unescaped(text)).toString();
        expect(check(text)).toBe(!survives);
      }),
    );
  });
});

/** As `JSON.stringify` would write it if it did not escape halves. */
function unescaped(text: string): string {
  return text.replace(/\\\\|\\u(d[89a-f][0-9a-f]{2})/g, (escape, code: string | undefined) =>
    code === undefined ? escape : String.fromCharCode(parseInt(code, 16)),
  );
}
