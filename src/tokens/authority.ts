import type { EventKind, Principal } from '@portcullis/verifier';
import type { Actor } from '../common/principal.js';

/** By what right a token is generated, and which events end that right. */
export interface Authority {
  /** With the permissions that the right rests on: those held when it was proven, less what had been taken away by then. */
  actor: Actor;
  /** The validity clock when the right was proven. */
  asOf: number | string;
  events: readonly { kind: EventKind; key: string }[];
  /** The roles that the permissions may come from: the right ends when one of these loses one of those. */
  roles: readonly string[];
  /** The token that proved it, if one did. */
  tokenId: string | null;
}

/** The right of whoever sends an accepted token. It ends by all that ends the token, and by all that takes something from it. */
export function authorityOfToken(actor: Actor, principal: Principal): Authority {
  const { subject, clientId, sessionId, tokenId, audience, roles, asOf } = principal;
  return {
    actor,
    asOf,
    events: [
      { kind: 'global', key: '*' },
      { kind: 'user', key: subject },
      { kind: 'user_facts', key: subject },
      { kind: 'client', key: clientId },
      ...(sessionId === null ? [] : [{ kind: 'session' as const, key: sessionId }]),
      { kind: 'token', key: tokenId },
      ...audience.map((key) => ({ kind: 'audience' as const, key })),
      ...roles.map((key) => ({ kind: 'role' as const, key })),
    ],
    roles,
    tokenId,
  };
}

/** The right of a user whose password was checked. @param asOf read by the statement that read the password's hash */
export function authorityOfPassword(actor: Actor & { id: string }, asOf: string, roles: readonly string[]): Authority {
  return {
    actor,
    asOf,
    events: [
      { kind: 'user', key: actor.id },
      { kind: 'user_facts', key: actor.id },
      ...roles.map((key) => ({ kind: 'role' as const, key })),
    ],
    roles,
    tokenId: null,
  };
}
