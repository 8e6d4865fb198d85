import { expect, it } from '@jest/globals';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.js';

it('are ten, of 120 bits each, and no two the same', () => {
  const codes = newRecoveryCodes();
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{4}$/);
});

it('may be spelt as people do', () => {
  const hash = recoveryCodeHash('u1', 'k1f0-9m2q-x8vd-4tbn-6hzc-1prw');
  for (const spelling of ['K1F0-9M2Q-X8VD-4TBN-6HZC-1PRW', 'klfo9m2q x8vd4tbn 6hzciprw'])
    expect(recoveryCodeHash('u1', spelling)).toEqual(hash);
  expect(recoveryCodeHash('u1', 'k1f0-9m2q-x8vd-4tbn-6hzc-1prx')).not.toEqual(hash);
});

it('are worth nothing to another user', () => {
  expect(recoveryCodeHash('u1', 'k1f0')).not.toEqual(recoveryCodeHash('u2', 'k1f0'));
});
