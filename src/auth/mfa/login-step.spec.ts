import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ONE_TIME_PASSWORD, methodsOf, mustKeepLastFactor, nextStep, type Standing } from './login-step.js';

const NOBODY: Standing = {
  mustChangePassword: false,
  roles: [],
  totp: 0,
  passkeys: 0,
  recoveryCodes: 0,
  totpGuesses: 0,
};
const REQUIRED = ['admin'];
const WHOLE = ['pwd', 'otp', 'mfa'];

describe('the next step of a login', () => {
  it.each<[string, Partial<Standing>, string[], string]>([
    ['a session for a password', {}, ['pwd'], 'session'],
    ['the question for a factor', { totp: 1 }, ['pwd'], 'prove_factor'],
    ['the question for a passkey', { passkeys: 1 }, ['pwd'], 'prove_factor'],
    ['a session for a passkey alone', { passkeys: 1, roles: ['admin'] }, ['hwk', 'user', 'mfa'], 'session'],
    ['a session for both', { totp: 1 }, WHOLE, 'session'],
    ['a new password', { mustChangePassword: true }, ['pwd'], 'change_password'],
    ['the factor before a new password', { mustChangePassword: true, totp: 1 }, ['pwd'], 'prove_factor'],
    ['a new password after the factor', { mustChangePassword: true, totp: 1 }, WHOLE, 'change_password'],
    ['the setup that a role asks for', { roles: ['editor', 'admin'] }, ['pwd'], 'enrol'],
    ['a new password before the setup', { roles: ['admin'], mustChangePassword: true }, ['pwd'], 'change_password'],
    ['no setup where a factor is there', { roles: ['admin'], totp: 1 }, WHOLE, 'session'],
    ['the setup in spite of left-over recovery codes', { roles: ['admin'], recoveryCodes: 3 }, ['pwd'], 'enrol'],
  ])('is %s', (_, standing, amr, step) => {
    expect(nextStep({ ...NOBODY, ...standing }, amr, REQUIRED)).toBe(step);
  });

  const standings = fc.record({
    mustChangePassword: fc.boolean(),
    roles: fc.subarray(['admin', 'editor', 'auditor']),
    totp: fc.nat(3),
    passkeys: fc.nat(3),
    recoveryCodes: fc.nat(10),
    totpGuesses: fc.nat(200),
  });

  it('is a session only for whoever has proven a second factor, or neither has nor needs one', () => {
    fc.assert(
      fc.property(
        standings,
        fc.subarray(['pwd', 'otp', 'mfa']),
        fc.subarray(['admin', 'auditor']),
        (standing, amr, required) => {
          if (nextStep(standing, amr, required) !== 'session') return;
          expect(standing.mustChangePassword).toBe(false);
          const needs = standing.totp + standing.passkeys > 0 || standing.roles.some((role) => required.includes(role));
          expect(amr.includes('mfa') || !needs).toBe(true);
        },
      ),
    );
  });

  it('leads to a session in at most three steps, whatever is asked', () => {
    fc.assert(
      fc.property(standings, fc.subarray(['admin', 'auditor']), (start, required) => {
        let standing = start;
        let amr = ['pwd'];
        for (let taken = 0; taken < 3; taken++) {
          const step = nextStep(standing, amr, required);
          if (step === 'change_password') standing = { ...standing, mustChangePassword: false };
          if (step === 'enrol') standing = { ...standing, totp: 1 };
          if (step === 'enrol' || step === 'prove_factor') amr = [...amr, ...ONE_TIME_PASSWORD];
        }
        expect(nextStep(standing, amr, required)).toBe('session');
      }),
    );
  });
});

it('offers what there is, and no app whose codes are not heard any more', () => {
  expect(methodsOf({ ...NOBODY, totp: 2, passkeys: 1, recoveryCodes: 1 })).toEqual(['totp', 'passkey', 'recovery']);
  expect(methodsOf({ ...NOBODY, totp: 1 })).toEqual(['totp']);
  expect(methodsOf({ ...NOBODY, totp: 1, recoveryCodes: 1, totpGuesses: 99 })).toEqual(['totp', 'recovery']);
  expect(methodsOf({ ...NOBODY, totp: 1, recoveryCodes: 1, totpGuesses: 100 })).toEqual(['recovery']);
});

it('lets nobody go without the factor that a role asks for', () => {
  expect(mustKeepLastFactor({ ...NOBODY, roles: ['admin'], totp: 1 }, REQUIRED)).toBe(true);
  expect(mustKeepLastFactor({ ...NOBODY, roles: ['admin'], totp: 1, passkeys: 1 }, REQUIRED)).toBe(false);
  expect(mustKeepLastFactor({ ...NOBODY, roles: ['editor'], totp: 1 }, REQUIRED)).toBe(false);
});
