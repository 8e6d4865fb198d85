import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generateSync } from 'otplib';
import { newTotpSecret, totpStepOf, totpUri } from './totp.js';

/** "12345678901234567890", the secret of the test vectors. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

describe('a code', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d is that of RFC 6238 appendix B', (now, code) => {
    expect(totpStepOf(SECRET, code, now)).toBe(Math.floor(now / 30));
  });

  it('may be one step early or late, and no more', () => {
    const now = fc.integer({ min: 10_000_000, max: 4_000_000_000 });
    fc.assert(
      fc.property(now, fc.integer({ min: -3, max: 3 }), (time, away) => {
        const step = totpStepOf(SECRET, generateSync({ secret: SECRET, epoch: time + away * 30 }), time);
        if (Math.abs(away) <= 1) expect(step).toBe(Math.floor(time / 30) + away);
        else expect(step).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  it('may be written with a space', () => {
    expect(totpStepOf(SECRET, '287 082', 59)).toBe(1);
  });

  it.each(['', '28708', '2870820', '28708x', '２８７０８２', '-87082', '287082\0'])('is not %j', (code) => {
    expect(totpStepOf(SECRET, code, 59)).toBeNull();
  });
});

describe('a secret', () => {
  it('has 160 bits, and is never the same', () => {
    const [one, two] = [newTotpSecret(), newTotpSecret()];
    expect(one).toMatch(/^[A-Z2-7]{32}$/);
    expect(one).not.toBe(two);
  });

  it('is given to apps as an address that names service and user', () => {
    const uri = new URL(totpUri(SECRET, 'zoë & co', 'https://auth.example.org:8443/x'));
    expect(uri.protocol + uri.host).toBe('otpauth:totp');
    expect(decodeURIComponent(uri.pathname)).toBe('/auth.example.org:zoë & co');
    expect(uri.searchParams.get('secret')).toBe(SECRET);
    expect(uri.searchParams.get('issuer')).toBe('auth.example.org');
  });
});
