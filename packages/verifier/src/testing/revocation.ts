import { GLOBAL_KEY, type ValidityEvent } from '../events.js';
import type { RefusalReason } from '../refusal-reason.js';

/** What ends tokens, and by which reason; each as the service would report it. */
export type Revocation = (
  | { everything: true }
  /** Disabled by default; or deleted, or the password was changed. */
  | { user: string }
  /** A role was taken from the user: the session goes on, and a refresh gets the new facts. */
  | { rolesOf: string }
  | { client: string }
  | { session: string }
  /** By its `jti`. */
  | { token: string }
  | { audience: string }
  /** Strips the role, and permissions that came with it, from older tokens: requests that need them get 401, others pass. */
  | { role: string; permissions?: readonly string[] }
  /** By its `kid`: out of the published keys, and none of its tokens is accepted again. */
  | { key: string }
) & { reason?: RefusalReason };

/** The events of one change. */
export function eventsOf(revocation: Revocation): Omit<ValidityEvent, 'seq'>[] {
  const event = (kind: ValidityEvent['kind'], key: string, reason: RefusalReason): Omit<ValidityEvent, 'seq'> => ({
    kind,
    key,
    reason: revocation.reason ?? reason,
  });
  if ('everything' in revocation) return [event('global', GLOBAL_KEY, 'forced_expiration')];
  if ('user' in revocation) return [event('user', revocation.user, 'user_disabled')];
  if ('rolesOf' in revocation) return [event('user_facts', revocation.rolesOf, 'facts_changed')];
  if ('client' in revocation) return [event('client', revocation.client, 'client_disabled')];
  if ('session' in revocation) return [event('session', revocation.session, 'session_ended')];
  if ('token' in revocation) return [event('token', revocation.token, 'token_revoked')];
  if ('audience' in revocation) return [event('audience', revocation.audience, 'forced_expiration')];
  if ('key' in revocation) return [event('signing_key', revocation.key, 'key_revoked')];
  const { role, permissions = [] } = revocation;
  return [
    event('role', role, 'role_changed'),
    ...permissions.map((permission) => event('role_permission', `${role} ${permission}`, 'role_changed')),
  ];
}
