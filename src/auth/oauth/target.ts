import { OAuthError } from '../../common/oauth-error.js';

/**
 * Whom a client's token is for: the resources that were asked for (RFC 8707 section 2), else the issuer, as with a login.
 *
 * @throws OAuthError `invalid_target` for a resource that is neither the issuer nor an audience of the client
 */
export function targetOf(resources: readonly string[], audiences: readonly string[], issuer: string): string[] {
  if (resources.some((resource) => resource !== issuer && !audiences.includes(resource)))
    throw new OAuthError('invalid_target', 'A resource that was asked for is not among the audiences of this client.');
  return resources.length === 0 ? [issuer] : [...new Set(resources)];
}
