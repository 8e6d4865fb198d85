import { describe, expect, it } from '@jest/globals';
import { targetOf } from './target.js';

const ISSUER = 'https://auth.example.org';

describe('whom a token of a client is for', () => {
  it.each([
    ['nothing asked for', [], [ISSUER]],
    ['the issuer', [ISSUER], [ISSUER]],
    ['an audience of its own', ['orders'], ['orders']],
    ['several, some twice', ['orders', ISSUER, 'orders'], ['orders', ISSUER]],
  ])('%s', (_, resources, expected) => {
    expect(targetOf(resources, ['orders', 'billing'], ISSUER)).toEqual(expected);
  });

  it.each([['payroll'], ['orders', 'payroll'], [`${ISSUER}/`], ['ORDERS'], ['orders ']])(
    'no one else: %p',
    (...resources) => {
      expect(() => targetOf(resources, ['orders'], ISSUER)).toThrow(
        expect.objectContaining({ code: 'invalid_target' }),
      );
    },
  );
});
