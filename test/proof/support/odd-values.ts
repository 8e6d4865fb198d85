import type { Schema } from './openapi.js';

/** Texts that have broken something somewhere. */
export const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'a\udfffb',
  '\ud83d\ude00',
  'e\u0301',
  '\u202eevil',
  '\u200b',
  '\ufeffbom',
  '\uffff',
  'İ',
  'ß'.repeat(70),
  '\r\nX-Injected: yes',
  '\u001b[31m',
  '%00',
  '%',
  '\\',
  "'; DROP TABLE users; --",
  '${7*7}{{7*7}}',
  '../../../../etc/passwd',
  '__proto__',
  'constructor',
  'null',
  '0',
  '-1',
  '1e999',
  '9'.repeat(400),
  'NaN',
  '<script>alert(1)</script>',
  'http://169.254.169.254/',
  'a@b@c',
  `${'a'.repeat(300)}@${'b.'.repeat(100)}org`,
  `${'-'.repeat(5000)}@example.org`,
  '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11',
  '00000000-0000-0000-0000-000000000000',
  '2026-02-30T25:61:61Z',
  '+275760-09-13T00:00:00.001Z',
  'x'.repeat(20_000),
];

/** JSON values of every other type, and nested ones. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  [],
  [[]],
  [null],
  [1, 'a', {}],
  ['a', 'a'],
  ['\0'],
  ['\ud800'],
  Array.from({ length: 2000 }, (_, n) => `item${n}`),
  {},
  { $ne: null },
  { toString: 'a', valueOf: 1, length: -1 },
  { then: 'a' },
  { 0: 'a', length: 1 },
  nested(30),
];

/** Values just inside and just outside of the bounds that the schema names. */
export function boundaryValues({ minLength = 1, maxLength, maxItems, enum: allowed }: Schema): unknown[] {
  return [
    ...(maxLength === undefined
      ? []
      : ['x'.repeat(maxLength), 'x'.repeat(maxLength + 1), '\ud83d\ude00'.repeat(maxLength)]),
    ...(minLength > 1 ? ['x'.repeat(minLength - 1)] : []),
    ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, (_, n) => `item${n}`)]),
    ...(allowed ? allowed.flatMap((value) => [value, `${String(value)} `, String(value).toUpperCase()]) : []),
  ];
}

function nested(depth: number): unknown {
  return depth === 0 ? 'a' : depth % 2 === 0 ? [nested(depth - 1)] : { a: nested(depth - 1) };
}
