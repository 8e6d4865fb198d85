import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { TokenVerifier, VerificationError, bearerOf, type Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { ENV, type Env } from '../../config/env.js';
import { accessOf } from '../common/access.js';
import { Problem, tokenRequired } from '../common/problem.js';
import { RefusedTokens } from '../common/refused-tokens.js';
import { JwtStrategy, type TokenRequest } from './jwt.strategy.js';
import { refusalOfToken } from './token-refusal.js';

/**
 * Who calls? Every route but the public ones needs an accepted token. A token seen for the first time goes through the JwtStrategy; of one seen before
 * the signature is known to be good, and only the decision is made anew, by the window as it was after the request arrived.
 */
@Injectable()
export class JwtAuthGuard extends AuthGuard() implements CanActivate {
  constructor(
    strategy: JwtStrategy,
    private readonly reflector: Reflector,
    private readonly verifier: TokenVerifier,
    private readonly refused: RefusedTokens,
    @Inject(ENV) private readonly env: Env,
  ) {
    super({
      // Not by name: names are shared by all applications of a process. And never the same object twice: passport writes each request's
      // callbacks onto it, so that of two requests at once one would be answered with the other's principal.
      get defaultStrategy() {
        return Object.create(strategy) as string;
      },
    });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = accessOf(this.reflector, context);
    if (access?.public && !access.optionalToken) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    try {
      request.principal = await this.authenticate(request, context);
      return true;
    } catch (error) {
      const refuse = (): Problem => refusalOfToken(error, request, this.refused);
      if (!access?.optionalToken || !isRefusal(error)) throw refuse();
      request.refuse = refuse;
      return true;
    }
  }

  private authenticate(request: FastifyRequest, context: ExecutionContext): Promise<Principal> {
    const bearer = bearerOf(request.raw);
    if (bearer === 'absent') throw tokenRequired();
    if (bearer === 'ambiguous') throw new VerificationError('malformed', { signatureValid: false });
    const { token } = bearer;
    const { arrivedAt } = request;
    if (!this.verifier.cached(token)) return this.throughPassport({ token, arrivedAt }, context);
    return this.verifier.verify(token, { arrivedAt, maxStalenessMs: this.env.maxStalenessMs });
  }

  /** Passport sees a request of its own: what it remembers of a request is then only that. */
  private async throughPassport(
    request: TokenRequest & { user?: Principal },
    context: ExecutionContext,
  ): Promise<Principal> {
    const http = { getRequest: () => request, getResponse: () => null };
    await super.canActivate(Object.create(context, { switchToHttp: { value: () => http } }) as ExecutionContext);
    return request.user as Principal;
  }

  override handleRequest<T>(error: Error | null, principal: T): T {
    if (error) throw error;
    return principal;
  }
}

/** Whether the token, or its absence, is what is wrong; and not that the service could not find out. */
function isRefusal(error: unknown): boolean {
  return error instanceof VerificationError || (error instanceof Problem && error.getStatus() === 401);
}
