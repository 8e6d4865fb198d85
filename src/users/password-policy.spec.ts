import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { BreachedPasswords } from './breached-passwords.js';
import { generatedPassword } from './generated-password.js';
import { PasswordPolicy } from './password-policy.js';

const breached = { includes: (password: string) => Promise.resolve(password === 'known from a breach') };
const policy = new PasswordPolicy(
  { password: { minLength: 12, maxLength: 64 }, issuer: 'https://login.acme-widgets.example' },
  breached as unknown as BreachedPasswords,
);
const ann = { username: 'ann.with.a.long.name', email: 'Ann@Example.org', displayName: 'Ann Featherstonehaugh' };
const messages = (password: string, owner = ann): Promise<string[]> => policy.problemsOf(password, owner);

describe('PasswordPolicy', () => {
  it.each([
    'correct horse battery',
    'four words    and spaces',
    'мой дядя самых честных',
    '山高月小水落石出曾日月之',
    '🔑🚪🏰🐉🗡️👑🦄🌋🧙🪄🏹🛡',
    'tab\tand\nnewline',
    'password of my bank',
    'Xk3vTq9Lw2mZ',
    '8401 9937 5526',
  ])('takes %j', async (password) => {
    expect(await messages(password)).toEqual([]);
  });

  it('counts characters, not the bytes or the half pairs that they are made of', async () => {
    const emoji = Array.from({ length: 65 }, (_, i) => String.fromCodePoint(0x1f400 + ((i * 7) % 65)));
    expect(await messages(emoji.slice(0, 11).join(''))).toEqual(['must have at least 12 characters']);
    expect(await messages(emoji.slice(0, 64).join(''))).toEqual([]);
    expect(await messages(emoji.join(''))).toEqual(['must have at most 64 characters']);
  });

  it('counts after normalisation', async () => {
    expect(await messages('e\u0301'.repeat(11))).toEqual(['must have at least 12 characters']);
    expect(await messages('\ufb03cient \ufb01sh')).toEqual([]);
  });

  it.each(['long enough\0 or not', 'long enough\ud83d or not'])(
    'refuses %j, which cannot be hashed faithfully',
    async (password) => {
      expect(await messages(password)).toEqual(['must not contain NUL or half a character']);
    },
  );

  it.each([
    ['is one that many people use', ['Mailcreated5240', 'InThePrivacyOfMyOwnRoom']],
    [
      'repeats a few characters',
      ['            ', 'aaaaaaaaaaaa', 'xyzxyzxyzxyz', '密码密码密码密码密码密码', '🔑'.repeat(12)],
    ],
    [
      'is little more than one or two common words, with digits or signs',
      [
        'Password1234',
        'P@ssw0rd!2024',
        'dragon19950412',
        'hunter2hunter2',
        'monkey&banana',
        '123456dragon!!',
        'SUMMER2024summer',
      ],
    ],
    [
      'is little more than a sequence, a date or a number',
      [
        '1234567890qwerty',
        'qwertyuiop[]',
        'abcdefghijkl',
        '1q2w3e4r5t6y7u',
        '19950412 19970815',
        '0123456789012',
        '!@#$%^&*()_+',
      ],
    ],
    [
      'is little more than the name or the address of the user or the name of this service',
      [
        'ANN.with.a.long.NAME',
        'ann@example.org',
        '\uff41nn@example.org',
        'Featherst0nehaugh',
        'portcullis2024!',
        'acme-widgets-Ann',
      ],
    ],
  ])('refuses what %s', async (problem, passwords) => {
    for (const password of passwords) {
      const told = await messages(password);
      expect({ password, told }).toEqual({
        password,
        told: [expect.stringContaining(`${problem}; take several words`)],
      });
    }
  });

  it('refuses what a service knows from a breach, and asks it of no password that is refused already', async () => {
    expect(await messages('known from a breach')).toEqual([expect.stringContaining('known from a breach of another')]);
  });

  it('never refuses a password that the service itself makes', async () => {
    for (let i = 0; i < 2000; i++) expect(await messages(generatedPassword(12))).toEqual([]);
  });

  it('decides on the longest input without delay', async () => {
    const long = new PasswordPolicy(
      { password: { minLength: 12, maxLength: 1024 }, issuer: 'https://login.example' },
      breached as unknown as BreachedPasswords,
    );
    const start = performance.now();
    for (const unit of ['1', '12345', 'password', 'qwertz '])
      await long.problemsOf(unit.repeat(1024).slice(0, 1024), ann);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

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
