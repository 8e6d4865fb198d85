import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseForm } from '../../common/form.js';
import { OAuthError } from '../../common/oauth-error.js';
import { ASSERTION_TYPE, clientProofOf, type ClientProof } from './client-proof.js';
import { Parameters } from './parameters.js';

const proofOf = (authorization: string | undefined, form: Record<string, string> = {}): ClientProof =>
  clientProofOf(authorization, Parameters.of(parseForm(new URLSearchParams(form).toString())));
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const codeOf = (authorization: string | undefined, form: Record<string, string> = {}): string => {
  try {
    return proofOf(authorization, form).method;
  } catch (error) {
    return (error as OAuthError).code;
  }
};
const assertion = { client_assertion_type: ASSERTION_TYPE, client_assertion: 'a.b.c' };

describe('the proof that a client brings', () => {
  it('is in the header', () => {
    expect(proofOf(basic('orders:s3cret'))).toEqual({
      method: 'client_secret_basic',
      clientId: 'orders',
      secret: 's3cret',
    });
    expect(proofOf(basic('orders:a:b').replace('Basic', 'bAsIc'))).toMatchObject({ secret: 'a:b' });
    expect(proofOf(basic('orders:s'), { client_id: 'orders' })).toMatchObject({ clientId: 'orders' });
  });

  it('is in the header, encoded as in a form, whatever is in it', () => {
    const encoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (clientId, secret) => {
        expect(proofOf(basic(`${encoded(clientId)}:${encoded(secret)}`))).toMatchObject({ clientId, secret });
      }),
    );
  });

  it('is in the body', () => {
    expect(proofOf(undefined, { client_id: 'orders', client_secret: 's' })).toMatchObject({
      method: 'client_secret_post',
      secret: 's',
    });
    expect(proofOf(undefined, assertion)).toMatchObject({ method: 'private_key_jwt', assertion: 'a.b.c' });
  });

  it('is not there', () => {
    expect(proofOf(undefined)).toEqual({ method: 'none', clientId: undefined });
    expect(proofOf(undefined, { client_id: 'portcullis' })).toEqual({ method: 'none', clientId: 'portcullis' });
  });

  it.each([
    ['header and secret', basic('a:b'), { client_id: 'a', client_secret: 'b' }],
    ['header and assertion', basic('a:b'), assertion],
    ['secret and assertion', undefined, { ...assertion, client_id: 'a', client_secret: 'b' }],
    ['another client_id', basic('a:b'), { client_id: 'b' }],
    ['a secret of nobody', undefined, { client_secret: 'b' }],
    ['an assertion of no type', undefined, { client_assertion: 'a.b.c' }],
    ['an assertion of another type', undefined, { ...assertion, client_assertion_type: 'saml' }],
    ['a type without assertion', undefined, { client_assertion_type: ASSERTION_TYPE }],
  ])('is refused as no proper request: %s', (_, authorization, form) => {
    expect(codeOf(authorization, form)).toBe('invalid_request');
  });

  it.each([
    '',
    'Basic',
    'Basic ',
    'Basic é',
    'Basic OjpA OjpA',
    basic('nocolon'),
    basic('a:%zz'),
    'Bearer x',
    'Digest x',
  ])('is refused as a proof: %p', (authorization) => {
    expect(codeOf(authorization)).toBe('invalid_client');
  });

  it('fails with the challenge of its scheme', () => {
    let thrown: unknown;
    try {
      proofOf('Basic x');
    } catch (error) {
      thrown = error;
    }
    expect((thrown as OAuthError).headers).toEqual({
      'www-authenticate': expect.stringMatching(/^Basic realm="portcullis"/),
    });
  });
});
