import { expect, it } from '@jest/globals';
import { agreedMode } from './agreed-mode.js';

it.each([
  [undefined, undefined, undefined],
  [undefined, 'cookie', 'cookie'],
  ['cookie', undefined, 'cookie'],
  ['body', undefined, 'body'],
  ['cookie', 'cookie', 'cookie'],
] as const)('%s, then %s, is %s', (said, now, agreed) => {
  expect(agreedMode(said, now)).toBe(agreed);
});

it.each([
  ['cookie', 'body'],
  ['body', 'cookie'],
] as const)('%s, then %s, is refused', (said, now) => {
  expect(() => agreedMode(said, now)).toThrow(/not acceptable/);
});
