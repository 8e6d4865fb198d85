import type { Actor } from '../common/principal.js';
import { BUILT_IN_PERMISSIONS } from './built-in.js';

/*
 * Nobody gets further than they are, by whatever detour:
 *
 * - Granting is creating a role with permissions, adding permissions to a role, and giving a role to a user or permissions to a client. It
 *   takes every permission that is granted.
 * - Touching is everything else that is done to a user or a role: changing, resetting, disabling, enabling, deleting, ending sessions,
 *   taking away. It takes every permission that the user or the role holds. So a role that holds more than the actor can be neither
 *   changed nor deleted by the actor, and a permission can be deleted only by who may change the roles that hold it.
 */

/** What of `required` is not in `held`, in alphabetical order. */
export function missing(required: Iterable<string>, held: ReadonlySet<string>): string[] {
  return [...new Set(required)].filter((permission) => !held.has(permission)).sort();
}

/**
 * Whoever holds every built-in permission is an administrator and holds the permissions that teams add as well: the role `admin` does,
 * only a token that is older than the permission cannot say so yet. It opens no way up: to hold them all, one must have been given
 * them all.
 */
export function isAdministrator(held: ReadonlySet<string>): boolean {
  return BUILT_IN_PERMISSIONS.every((permission) => held.has(permission));
}

/** The permissions for want of which the actor may not grant or touch what needs `required`; empty when the actor may. The system may. */
export function lacking(actor: Pick<Actor, 'type' | 'permissions'>, required: Iterable<string>): string[] {
  if (actor.type === 'system' || isAdministrator(actor.permissions)) return [];
  return missing(required, actor.permissions);
}
