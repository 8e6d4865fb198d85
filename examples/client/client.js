import * as oauth from 'openid-client';

/** Of a token that is about to expire, no more use is made (seconds): it might do so on the way. */
const MARGIN = 10;

/**
 * Calls one API in the name of a program: with one token for as long as it is good, then with another.
 *
 * @param {{ issuer: string, clientId: string, clientSecret: string, resource: string }} options
 */
export async function connect({ issuer, clientId, clientSecret, resource }) {
  const insecure = new URL(issuer).hostname === 'localhost' ? { execute: [oauth.allowInsecureRequests] } : {};
  const server = await oauth.discovery(new URL(issuer), clientId, clientSecret, undefined, {
    algorithm: 'oauth2',
    ...insecure,
  });
  let current;

  async function token() {
    const left = current?.expiresIn() ?? 0;
    if (left <= MARGIN) current = await oauth.clientCredentialsGrant(server, { resource });
    return current.access_token;
  }

  return async function call(url) {
    const send = async () => fetch(url, { headers: { authorization: `Bearer ${await token()}` } });
    const response = await send();
    if (response.status !== 401) return response;
    // It was ended before its time: by another secret, say, or by fewer permissions. One new token, and no loop.
    current = undefined;
    return send();
  };
}
