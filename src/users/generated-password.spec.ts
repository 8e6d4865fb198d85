import { describe, expect, it } from '@jest/globals';
import { generatedPassword } from './generated-password.js';

describe('generatedPassword', () => {
  it('has 24 characters that cannot be mistaken for one another', () => {
    for (let round = 0; round < 200; round++) expect(generatedPassword(12)).toMatch(/^[^\W_0Oo1lIi]{24}$/);
  });

  it('is as long as passwords must be', () => {
    expect(generatedPassword(64)).toHaveLength(64);
  });

  it('does not come twice', () => {
    expect(new Set(Array.from({ length: 1000 }, () => generatedPassword(12))).size).toBe(1000);
  });
});
