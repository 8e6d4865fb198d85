import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { callerAddress } from './caller-address.js';
import { Problem } from './problem.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls: set by the guard once the token has been accepted. */
    principal?: Principal;
    /** On a route with `@OptionalToken`, when no token was accepted: notes the refusal and tells why, where the route finds that it matters. */
    refuse?: () => Problem;
    /** When the request arrived, on the monotonic clock (ms): what a decision must not be older than. */
    arrivedAt: number;
  }
}

/** Who does something, and through which request: what audit rows and the rules on privileges need. */
export interface Actor {
  type: 'user' | 'client' | 'system' | 'anonymous';
  id: string | null;
  sessionId: string | null;
  permissions: ReadonlySet<string>;
  requestId: string | null;
  address: string | null;
}

export const SYSTEM: Actor = {
  type: 'system',
  id: null,
  sessionId: null,
  permissions: new Set(),
  requestId: null,
  address: null,
};

export function actorOf(request: FastifyRequest): Actor {
  const { principal } = request;
  const via = { requestId: request.id, address: callerAddress(request) };
  if (!principal) return { type: 'anonymous', id: null, sessionId: null, permissions: new Set(), ...via };
  const type = principal.subject === principal.clientId ? 'client' : 'user';
  return { type, id: principal.subject, sessionId: principal.sessionId, permissions: principal.permissions, ...via };
}

/**
 * The user that an accepted token is about.
 *
 * @throws Problem 403 for the token of a client, of whom a route about "you" has nothing to say
 */
export function userOf({ subject, clientId }: Principal): string {
  if (subject === clientId)
    throw new Problem(403, 'not_a_user', 'This is for people, and the token is that of a client.');
  return subject;
}

/**
 * The user who has logged in and calls. A token that was generated about somebody may be in other hands, and is good for what it permits only.
 *
 * @throws Problem 403 for the token of a client, or of no session
 */
export function signedInUserOf(principal: Principal): string {
  const user = userOf(principal);
  if (principal.sessionId === null)
    throw new Problem(403, 'not_a_session', 'This takes the token of a login, and the token was generated.');
  return user;
}

function requestOf(context: ExecutionContext): FastifyRequest {
  return context.switchToHttp().getRequest<FastifyRequest>();
}

/** The accepted token's principal. Only on routes with `@Requires`. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = requestOf(context);
  if (!principal) throw new Error('@CurrentPrincipal on a route that no token is required for');
  return principal;
});

export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor =>
  actorOf(requestOf(context)),
);
