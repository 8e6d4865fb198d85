import { describe, expect, it } from '@jest/globals';
import { StaleWindowError, VerificationError } from './errors.js';

const CLAIMS = { iss: 'i', sub: 'u1', aud: 'a', exp: 2, iat: 1, jti: 't1', client_id: 'c' };

describe('VerificationError', () => {
  it('carries a code, a reason and, when the signature is good, the claims', () => {
    const error = new VerificationError('user_disabled', { signatureValid: true, claims: CLAIMS });
    expect(error).toMatchObject({
      code: 'invalid_token',
      reason: 'user_disabled',
      signatureValid: true,
      claims: CLAIMS,
    });
    expect(error.message).toBe('token refused: user_disabled');
  });

  it('never carries claims that nobody vouches for', () => {
    expect(new VerificationError('bad_signature', { signatureValid: false, claims: CLAIMS }).claims).toBeUndefined();
  });
});

describe('StaleWindowError', () => {
  it('is no refusal', () => {
    const error = new StaleWindowError('late', { cause: new Error('down') });
    expect(error).not.toBeInstanceOf(VerificationError);
    expect(error).toMatchObject({ code: 'validity_unknown', cause: new Error('down') });
  });
});
