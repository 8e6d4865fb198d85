import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { validateSync } from 'class-validator';
import { PlainText } from './validation.js';

class Named {
  @PlainText()
  name: string;
}

const problems = (name: string): number => validateSync(Object.assign(new Named(), { name })).length;

describe('text for people to read', () => {
  it.each([
    'Billing',
    'Ann O’Neill-Ødegård',
    'الفواتير',
    'חשבונות',
    'می‌خواهم',
    'क्‍ष',
    '👩‍👩‍👧‍👦',
    '❤️',
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    'a b\u00a0c',
    '',
  ])('may be %s', (name) => {
    expect(problems(name)).toBe(0);
  });

  it.each([
    ...['\0', '\n', '\u0085', '\u00ad', '\u061c', '\u200b', '\u200e', '\u200f', '\u2028', '\u2029'],
    ...['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2060', '\u2066', '\u2067', '\u2068', '\u2069', '\ufeff'],
  ])('may not hold %j', (char) => {
    for (const name of [char, `a${char}`, `${char}a`, `gnilliB${char}\n`]) expect(problems(name)).toBe(1);
  });
});
