import { describe, expect, it } from '@jest/globals';
import { inWords, mailLink } from './mail-link.js';

describe('mailLink', () => {
  it('leads below the base, with the token as a parameter', () => {
    expect(mailLink('https://app.example/account', 'reset-password', 'psu_a-b')).toBe(
      'https://app.example/account/reset-password?token=psu_a-b',
    );
    expect(mailLink('https://a.example', 'verify-email', '&x=#')).toBe(
      'https://a.example/verify-email?token=%26x%3D%23',
    );
  });
});

describe('inWords', () => {
  it.each([
    [1, '1 second'],
    [90, '90 seconds'],
    [60, '1 minute'],
    [5400, '90 minutes'],
    [3600, '1 hour'],
    [7 * 86_400, '7 days'],
  ])('%d: %s', (seconds, words) => {
    expect(inWords(seconds)).toBe(words);
  });
});
