import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { accessOf } from '../common/access.js';
import { Clock } from '../common/clock.js';
import { meetsLoginRequirement, type LoginRequirement } from '../common/login-requirement.js';
import { actorOf } from '../common/principal.js';
import { insufficientAuthentication, insufficientScope, invalidToken, tokenRequired } from '../common/problem.js';
import { RefusedTokens, refusedBearer } from '../common/refused-tokens.js';
import { decideAccess } from './access-decision.js';
import { DeniedAttempts } from './denied-attempts.js';

/** Comes after the guard that accepts the token: whether its holder may do what the route does. */
@Injectable()
export class PermissionsGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly denied: DeniedAttempts,
    private readonly refused: RefusedTokens,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const access = accessOf(this.reflector, context);
    if (!access) throw new Error('A route says neither @Public nor @Requires');
    if (access.public) return true;

    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { principal } = request;
    if (!principal) throw tokenRequired();
    this.require(access.permissions, principal, request);
    if (access.login) this.requireLogin(access.login, principal);
    return true;
  }

  /** @throws Problem 401 `insufficient_user_authentication` (RFC 9470) */
  requireLogin(requirement: LoginRequirement, principal: Principal): void {
    const now = this.clock.now().getTime() / 1000;
    if (!meetsLoginRequirement(principal, requirement, now)) throw insufficientAuthentication(requirement);
  }

  /**
   * The same for a route that a token may be sent to and that decides by itself when it is needed.
   *
   * @throws Problem 401 when a permission was taken away since the token was minted, 403
   */
  require(permissions: readonly string[], principal: Principal, request: FastifyRequest): void {
    const decision = decideAccess(permissions, principal);
    switch (decision.kind) {
      case 'allow':
        return;
      case 'refresh':
        this.refused.note('role_changed', refusedBearer(principal), request);
        throw invalidToken('A permission that this needs was taken from a role. Get a new token.', 'role_changed');
      case 'deny':
        this.denied.note({ actor: actorOf(request), target: routeOf(request), missing: decision.missing });
        throw insufficientScope(permissions, decision.missing);
    }
  }
}

function routeOf(request: FastifyRequest): { type: string; id: string } {
  return { type: 'route', id: `${request.method} ${request.routeOptions.url ?? ''}` };
}
