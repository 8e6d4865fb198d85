import { describe, expect, it } from '@jest/globals';
import { parseForm } from '../../common/form.js';
import { OAuthError } from '../../common/oauth-error.js';
import { Parameters } from './parameters.js';

const of = (text: string): Parameters => Parameters.of(parseForm(text));

describe('the parameters of a request', () => {
  it('are found by name, whatever else is there', () => {
    const parameters = of('grant_type=client_credentials&foo=bar&scope=a+b');
    expect(parameters.get('grant_type')).toBe('client_credentials');
    expect(parameters.require('scope')).toBe('a b');
    expect(parameters.get('resource')).toBeUndefined();
  });

  it.each(['grant_type=a&grant_type=a', 'scope=a&scope=', 'foo=1&foo=2', '%00%22=1&%00%22=1'])(
    'are refused twice: %p',
    (text) => {
      expect(() => of(text)).toThrow(OAuthError);
    },
  );

  it('may name several resources', () => {
    expect(of('resource=a&resource=b').all('resource')).toEqual(['a', 'b']);
    expect(of('').all('resource')).toEqual([]);
  });

  it('are missing where they are, and where there is no body', () => {
    expect(() => of('token=').require('token')).toThrow('The parameter token is missing.');
    for (const body of [undefined, null, '', {}]) expect(Parameters.of(body).get('token')).toBeUndefined();
  });
});
