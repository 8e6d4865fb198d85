import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OAuthError, oauthErrorOf, speaksOAuth } from './oauth-error.js';
import { Problem, forbidden, invalidToken, notFound, tokenRequired, tooManyRequests, unavailable } from './problem.js';

describe('an error of an OAuth endpoint', () => {
  it('is 400, and 401 for a client that did not authenticate', () => {
    expect(new OAuthError('invalid_grant', 'x').getStatus()).toBe(400);
    expect(new OAuthError('invalid_client', 'x').getStatus()).toBe(401);
  });

  it.each([
    ['its own', new OAuthError('invalid_scope', 'x'), 'invalid_scope'],
    ['a refused token', invalidToken('x'), 'invalid_token'],
    ['a missing permission', forbidden('x'), 'insufficient_scope'],
    ['no proof of anything', tokenRequired(), 'invalid_client'],
    ['a broken request', new Problem(415, 'unsupported_media_type', 'x'), 'invalid_request'],
    ['nothing there', notFound('x'), 'invalid_request'],
    ['too many', tooManyRequests(1), 'temporarily_unavailable'],
    ['no database', unavailable('x'), 'temporarily_unavailable'],
    ['a fault of ours', new Problem(500, 'internal_error', 'x'), 'server_error'],
  ])('has a code of RFC 6749: %s', (_, problem, error) => {
    expect(oauthErrorOf(problem).error).toBe(error);
  });

  it('describes itself in the characters that RFC 6749 allows', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (detail) => {
        const description = oauthErrorOf(new OAuthError('invalid_request', detail)).error_description;
        expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/);
      }),
    );
  });
});

describe('speaksOAuth', () => {
  it.each([
    ['/oauth/token', true],
    ['/oauth/token?x=1', true],
    ['/oauth/nowhere', true],
    ['/oauth', false],
    ['/v1/oauth/token', false],
    ['/v1/users?next=/oauth/', false],
  ])('%p: %p', (url, expected) => {
    expect(speaksOAuth(url)).toBe(expected);
  });
});
