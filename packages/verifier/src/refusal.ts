import { DEFAULT_TIME_LIMITS, outlivesRetention, timeRefusal, type TimeLimits } from './claims.js';
import { GLOBAL_KEY, type EventKind } from './events.js';
import type { Stripped } from './principal.js';
import type { RefusalReason } from './refusal-reason.js';
import { NO_AS_OF, type VerifiedToken } from './verified-token.js';
import type { WindowEntry, WindowView } from './window.js';

/** The kinds of events that end a token which is not newer, in the order in which they are looked at. */
export const ENDING_KINDS = [
  'global',
  'user',
  'user_facts',
  'client',
  'session',
  'token',
  'audience',
] as const satisfies readonly EventKind[];

export type EndingKind = (typeof ENDING_KINDS)[number];

/**
 * Why a token whose signature is good is refused, or null when it is accepted. The one place where this is decided: for the
 * service's guard, refresh, introspection and gateways as for every microservice.
 *
 * @param now seconds since 1970, fractions allowed
 */
export function refusalOf(
  token: VerifiedToken,
  window: WindowView,
  now: number,
  limits: TimeLimits = DEFAULT_TIME_LIMITS,
): RefusalReason | null {
  const { claims, asOf } = token;
  const untimely = timeRefusal(claims, now, limits);
  if (untimely !== null) return untimely;
  // Before anything that as_of decides: whoever stole the key writes the as_of that suits him.
  if (isKeyRevoked(token, window)) return 'key_revoked';
  if (asOf === NO_AS_OF) return 'as_of_missing';
  if (asOf < window.floor) return 'below_floor';
  // It claims to know what the truth has not seen, for instance since a backup was restored.
  if (asOf > window.seq) return 'not_yet_valid';
  if (outlivesRetention(claims, window)) return 'lifetime_too_long';
  for (const kind of ENDING_KINDS) {
    const event = endingEvent(kind, token, window);
    if (event !== undefined) return event.reason;
  }
  return null;
}

/**
 * Whether the token may know more than the window shows: it is newer, or lives longer than was allowed when the window was read.
 * Before it is refused for that, the window must be brought up to date.
 */
export function outrunsWindow({ asOf, claims }: VerifiedToken, window: WindowView): boolean {
  return asOf > window.seq || outlivesRetention(claims, window);
}

/** Signing keys are revoked for good: their events count whatever the token's as_of. */
export function isKeyRevoked(token: VerifiedToken, window: WindowView): boolean {
  return window.highest.signing_key > 0 && window.newest('signing_key', token.kid) !== undefined;
}

/** The event of this kind that ends the token, if there is one: it concerns the token and the token is not newer. */
export function endingEvent(kind: EndingKind, token: VerifiedToken, window: WindowView): WindowEntry | undefined {
  if (window.highest[kind] <= token.asOf) return undefined;
  switch (kind) {
    case 'global':
      return newerThan(token.asOf, window.newest(kind, GLOBAL_KEY));
    case 'client':
      return newerThan(token.asOf, window.newest(kind, token.claims.client_id));
    case 'audience':
      for (const audience of token.principal.audience) {
        const event = newerThan(token.asOf, window.newest(kind, audience));
        if (event !== undefined) return event;
      }
      return undefined;
    default: {
      const key = token.eventKeys(window.hashedKeys)[kind];
      return key === null ? undefined : newerThan(token.asOf, window.newest(kind, key));
    }
  }
}

/**
 * The roles and permissions that were taken away since the token was minted, or null when there are none. A permission goes
 * only when a role that the token carries lost it.
 */
export function strippedBy(token: VerifiedToken, window: WindowView): Stripped | null {
  const { asOf, principal } = token;
  const rolesGone = window.highest.role > asOf;
  const permissionsGone = window.highest.role_permission > asOf;
  if (!rolesGone && !permissionsGone) return null;

  const roles = new Set<string>();
  const permissions = new Set<string>();
  for (const role of principal.roles) {
    if (rolesGone && newerThan(asOf, window.newest('role', role)) !== undefined) roles.add(role);
    if (!permissionsGone) continue;
    for (const [permission, event] of window.takenFromRole(role) ?? []) {
      if (event.seq > asOf && principal.permissions.has(permission)) permissions.add(permission);
    }
  }
  return roles.size === 0 && permissions.size === 0 ? null : { roles, permissions };
}

function newerThan(asOf: number, event: WindowEntry | undefined): WindowEntry | undefined {
  return event !== undefined && event.seq > asOf ? event : undefined;
}
