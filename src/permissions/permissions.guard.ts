import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from '../common/access.js';
import { actorOf } from '../common/principal.js';
import { Problem, invalidToken, tokenRequired } from '../common/problem.js';
import { decideAccess } from './access-decision.js';
import { DeniedAttempts } from './denied-attempts.js';

/** Comes after the guard that accepts the token: whether its holder may do what the route does. */
@Injectable()
export class PermissionsGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly denied: DeniedAttempts,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!access) throw new Error('A route says neither @Public nor @Requires');
    if (access.public) return true;

    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (!request.principal) throw tokenRequired();
    const decision = decideAccess(access.permissions, request.principal);
    switch (decision.kind) {
      case 'allow':
        return true;
      case 'refresh':
        throw invalidToken('A permission that this needs was taken from a role. Get a new token.', 'role_changed');
      case 'deny':
        this.denied.note({ actor: actorOf(request), target: routeOf(request), missing: decision.missing });
        throw insufficientScope(access.permissions, decision.missing);
    }
  }
}

function routeOf(request: FastifyRequest): { type: string; id: string } {
  return { type: 'route', id: `${request.method} ${request.routeOptions.url ?? ''}` };
}

/** RFC 6750 section 3.1: `scope` tells all that the route needs. */
function insufficientScope(required: readonly string[], missing: readonly string[]): Problem {
  return new Problem(403, 'insufficient_scope', `This needs ${missing.join(', ')}.`, {
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${required.join(' ')}"` },
  });
}
