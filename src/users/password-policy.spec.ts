import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PasswordPolicy } from './password-policy.js';

const policy = new PasswordPolicy({ password: { minLength: 12, maxLength: 64 } });
const ann = { username: 'ann.with.a.long.name', email: 'Ann@Example.org' };
const messages = (password: string, owner = ann): Promise<string[]> => policy.problemsOf(password, owner);

describe('PasswordPolicy', () => {
  it.each([
    'correct horse battery',
    '            ',
    'пароль пароль',
    '密码密码密码密码密码密码',
    '🔑'.repeat(12),
    'tab\tand\nnewline',
  ])('takes %j', async (password) => {
    expect(await messages(password)).toEqual([]);
  });

  it('counts characters, not the bytes or the half pairs that they are made of', async () => {
    expect(await messages('🔑'.repeat(11))).toEqual(['must have at least 12 characters']);
    expect(await messages('🔑'.repeat(64))).toEqual([]);
    expect(await messages('🔑'.repeat(65))).toEqual(['must have at most 64 characters']);
  });

  it('counts after normalisation', async () => {
    expect(await messages('e\u0301'.repeat(11))).toEqual(['must have at least 12 characters']);
    expect(await messages('\ufb03'.repeat(4))).toEqual([]);
  });

  it.each(['long enough\0 or not', 'long enough\ud83d or not'])(
    'refuses %j, which cannot be hashed faithfully',
    async (password) => {
      expect(await messages(password)).toEqual(['must not contain NUL or half a character']);
    },
  );

  it.each(['ann.with.a.long.name', 'ANN.with.a.long.NAME', 'ann@example.org', '\uff41nn@example.org'])(
    'refuses %s, since it is a name of the user',
    async (password) => {
      expect(await messages(password)).toEqual(['must not be the username or the e-mail address']);
    },
  );

  it('tells every problem, under the name of the field that brought the password', async () => {
    const refused = policy.require('a\0', ann, 'newPassword');
    await expect(refused).rejects.toMatchObject({
      extras: {
        errors: [
          { field: 'newPassword', message: 'must have at least 12 characters' },
          { field: 'newPassword', message: 'must not contain NUL or half a character' },
        ],
      },
    });
    await expect(policy.require('violet otters juggle', ann)).resolves.toBeUndefined();
  });

  it('never repeats the password', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 4, maxLength: 100, unit: fc.constantFrom('ä', '#', '7') }),
        async (password) => {
          expect((await messages(password)).join()).not.toContain(password);
        },
      ),
    );
  });
});
