import type { Principal } from '@portcullis/verifier';
import { missing } from './privileges.js';

/**
 * `refresh`: the token named the permissions that are missing, but they were taken from a role since; only a new token can tell whether its
 * holder still has them. `deny`: a new token would not help.
 */
export type AccessDecision = { kind: 'allow' } | { kind: 'refresh' } | { kind: 'deny'; missing: string[] };

export function decideAccess(
  required: readonly string[],
  principal: Pick<Principal, 'permissions' | 'stripped'>,
): AccessDecision {
  const absent = missing(required, principal.permissions);
  if (absent.length === 0) return { kind: 'allow' };
  const never = missing(absent, principal.stripped.permissions);
  return never.length === 0 ? { kind: 'refresh' } : { kind: 'deny', missing: never };
}
