/** Among the methods of a session (RFC 8176): more than one factor was asked for. */
export const SECOND_FACTOR = 'mfa';

/** Who wants a token, and what they proved. */
export interface Proven {
  roles: readonly string[];
  /** Whether they have a factor beside the password. */
  enrolled: boolean;
  /** The methods by which they proved who they are. */
  amr: readonly string[];
}

/** Whether somebody who has, or by a role must have, a second factor has not proven it. */
export function lacksSecondFactor({ roles, enrolled, amr }: Proven, requiredRoles: readonly string[]): boolean {
  if (amr.includes(SECOND_FACTOR)) return false;
  return enrolled || roles.some((role) => requiredRoles.includes(role));
}
