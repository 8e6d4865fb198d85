import { expect, it } from '@jest/globals';
import { meetsLoginRequirement, type LoginRequirement } from './login-requirement.js';

it.each<[number | null, string[], LoginRequirement, boolean]>([
  [700, ['pwd'], {}, true],
  [null, [], {}, true],
  [700, ['pwd'], { maxAgeSeconds: 300 }, true],
  [699, ['pwd'], { maxAgeSeconds: 300 }, false],
  [null, ['pwd'], { maxAgeSeconds: 300 }, false],
  [700, ['pwd', 'otp', 'mfa'], { maxAgeSeconds: 300, secondFactor: true }, true],
  [700, ['pwd', 'otp'], { maxAgeSeconds: 300, secondFactor: true }, false],
  [699, ['mfa'], { maxAgeSeconds: 300, secondFactor: true }, false],
  [0, ['mfa'], { secondFactor: true }, true],
])('a login at %j by %j, asked for %j at 1000: %j', (authTime, amr, requirement, meets) => {
  expect(meetsLoginRequirement({ authTime, amr }, requirement, 1000)).toBe(meets);
});
