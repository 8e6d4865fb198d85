import type { Principal } from '@portcullis/verifier';
import { missing } from './privileges.js';

/**
 * `refresh`: the token named what is missing, but it was taken away since; only a new token can tell whether its holder still has it. `deny`: a
 * new token would not help.
 */
export type AccessDecision = { kind: 'allow' } | { kind: 'refresh' } | { kind: 'deny'; missing: string[] };

const ALLOW: AccessDecision = Object.freeze({ kind: 'allow' });

/** Whether somebody has every permission, and every role, that is asked for. */
export function decideAccess(
  required: readonly string[],
  principal: Pick<Principal, 'permissions' | 'roles' | 'stripped'>,
  requiredRoles: readonly string[] = [],
): AccessDecision {
  const permissions = decide(required, principal.permissions, principal.stripped.permissions);
  if (requiredRoles.length === 0) return permissions;
  const roles = decide(requiredRoles, new Set(principal.roles), principal.stripped.roles);
  const denials = [permissions, roles].filter((decision) => decision.kind === 'deny');
  if (denials.length > 0) return { kind: 'deny', missing: denials.flatMap((denial) => denial.missing) };
  return permissions.kind === 'allow' ? roles : permissions;
}

function decide(required: readonly string[], held: ReadonlySet<string>, stripped: ReadonlySet<string>): AccessDecision {
  const absent = missing(required, held);
  if (absent.length === 0) return ALLOW;
  const never = missing(absent, stripped);
  return never.length === 0 ? { kind: 'refresh' } : { kind: 'deny', missing: never };
}
