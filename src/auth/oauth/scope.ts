import { OAuthError } from '../../common/oauth-error.js';

/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/**
 * The permissions that are asked for, or null where all that are held are.
 *
 * @throws OAuthError `invalid_scope` for what is no scope
 */
export function requestedPermissions(scope: string | undefined): string[] | null {
  if (scope === undefined) return null;
  if (!SCOPE.test(scope)) throw new OAuthError('invalid_scope', 'The scope is malformed.');
  return [...new Set(scope.split(' '))];
}

/** @throws OAuthError `invalid_scope` when permissions are asked for and none of them is held */
export function requireSome(requested: readonly string[] | null, held: readonly string[]): void {
  if (requested === null || requested.some((permission) => held.includes(permission))) return;
  throw new OAuthError('invalid_scope', 'None of the permissions that the scope names is held.');
}
