import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { Verifier } from '../create-verifier.js';
import type { HeadersOfRequest } from '../bearer.js';
import { AccessError, assertVerifiesAccess, authorize } from '../http-access.js';
import type { Principal } from '../principal.js';
import { requirementsOf } from './decorators.js';
import { AccessException } from './refusal.js';

/** Requests of Express and, with `raw`, of Fastify. */
type PlatformRequest = HeadersOfRequest & { raw?: HeadersOfRequest; auth?: Principal | undefined };

/**
 * Lets a request pass whose Bearer token is accepted and has what its route requires. Refusals are thrown as
 * `AccessException`, with their headers set.
 */
@Injectable()
export class PortcullisGuard implements CanActivate {
  constructor(
    @Inject(Verifier) private readonly verifier: Verifier,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    assertVerifiesAccess(verifier);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const requirements = requirementsOf(this.reflector, context);
    if (requirements === undefined) return true;
    // Messages and sockets have no headers in which a token could come.
    if (context.getType() !== 'http') return false;
    const http = context.switchToHttp();
    const request = http.getRequest<PlatformRequest>();
    request.auth = undefined;
    try {
      request.auth = await authorize(this.verifier, request.raw ?? request, requirements);
      return true;
    } catch (error) {
      if (!(error instanceof AccessError)) throw error;
      this.#setHeaders(http.getResponse(), error.headers);
      throw new AccessException(error);
    }
  }

  #setHeaders(response: unknown, headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers)) this.host.httpAdapter.setHeader(response, name, value);
  }
}
