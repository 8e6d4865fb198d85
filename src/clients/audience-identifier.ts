import { LOGIN_CLIENT } from '../common/login-client.js';

/**
 * A word or a URI in the characters of RFC 3986, without a fragment (RFC 8707 section 2). It starts with a letter or a digit, so that no
 * identifier is a dot segment, which clients take out of an address.
 */
export const AUDIENCE_IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._~:/?[\]@!$&'()*+,;=%-]{0,199}$/;
export const AUDIENCE_IDENTIFIER_RULE =
  'must be a word or a URI without fragment, of 200 characters at most, starting with a letter or a digit';

/**
 * Whether a name is this service's own: the issuer, which is the audience of the service itself and signed for by everybody's key, and the name
 * of the client that logins use. Nor may another differ from these by case or a final slash, which people do not see.
 */
export function isReservedAudience(identifier: string, issuer: string): boolean {
  const bare = (text: string): string => text.toLowerCase().replace(/\/+$/, '');
  return [issuer, LOGIN_CLIENT].map(bare).includes(bare(identifier));
}
