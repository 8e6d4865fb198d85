import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PasswordPolicy } from './password-policy.js';

const policy = new PasswordPolicy({ password: { minLength: 12, maxLength: 64 } });
const ann = { username: 'ann.with.a.long.name', email: 'Ann@Example.org' };
const messages = (password: string, owner = ann): string[] =>
  policy.problemsOf(password, owner).map(({ message }) => message);

describe('PasswordPolicy', () => {
  it.each([
    'correct horse battery',
    '            ',
    'пароль пароль',
    '密码密码密码密码密码密码',
    '🔑'.repeat(12),
    'tab\tand\nnewline',
  ])('takes %j', (password) => {
    expect(messages(password)).toEqual([]);
  });

  it('counts characters, not the bytes or the half pairs that they are made of', () => {
    expect(messages('🔑'.repeat(11))).toEqual(['must have at least 12 characters']);
    expect(messages('🔑'.repeat(64))).toEqual([]);
    expect(messages('🔑'.repeat(65))).toEqual(['must have at most 64 characters']);
  });

  it('counts after normalisation', () => {
    expect(messages('e\u0301'.repeat(11))).toEqual(['must have at least 12 characters']);
    expect(messages('\ufb03'.repeat(4))).toEqual([]);
  });

  it.each(['long enough\0 or not', 'long enough\ud83d or not'])(
    'refuses %j, which cannot be hashed faithfully',
    (password) => {
      expect(messages(password)).toEqual(['must not contain NUL or half a character']);
    },
  );

  it.each(['ann.with.a.long.name', 'ANN.with.a.long.NAME', 'ann@example.org', '\uff41nn@example.org'])(
    'refuses %s, since it is a name of the user',
    (password) => {
      expect(messages(password)).toEqual(['must not be the username or the e-mail address']);
    },
  );

  it('tells every problem', () => {
    expect(policy.problemsOf('a\0', ann)).toEqual([
      { field: 'password', message: 'must have at least 12 characters' },
      { field: 'password', message: 'must not contain NUL or half a character' },
    ]);
  });

  it('never repeats the password', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 100, unit: fc.constantFrom('ä', '#', '7') }), (password) => {
        expect(JSON.stringify(policy.problemsOf(password, ann))).not.toContain(password);
      }),
    );
  });
});
