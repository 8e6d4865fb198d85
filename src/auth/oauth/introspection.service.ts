import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ENV, type Env } from '../../../config/env.js';
import { PermissionsGuard } from '../../permissions/permissions.guard.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { IssuedTokens } from '../../tokens/issued-tokens.js';
import { OAuthCallers, type OAuthCaller } from './caller.service.js';
import { clientRefused } from './client-proof.js';
import { INACTIVE, aboutAccessToken, aboutRefreshToken, mayAskAbout, type Introspector } from './introspection.js';
import type { IntrospectionDto } from './oauth.dto.js';
import type { Parameters } from './parameters.js';

const RIGHT = 'tokens:introspect';

/** What `POST /oauth/introspect` does (RFC 7662). */
@Injectable()
export class IntrospectionService {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly callers: OAuthCallers,
    private readonly guard: PermissionsGuard,
    private readonly tokens: IssuedTokens,
    private readonly sessions: SessionsService,
  ) {}

  /** @throws OAuthError; Problem 401, 403 for a token without the permission, 429, 503 */
  async introspect(parameters: Parameters, request: FastifyRequest): Promise<IntrospectionDto> {
    // A hint about the kind of token is of no use: they look different.
    const token = parameters.require('token');
    const asker = this.introspector(await this.callers.identify(request, parameters), request);
    const opened = await this.tokens.open(token);
    if (!opened) return this.aboutRefreshToken(token, asker);
    if (!mayAskAbout(opened.principal.audience, asker)) return INACTIVE;
    const principal = await this.tokens.accept(opened, request.arrivedAt);
    return principal ? aboutAccessToken(principal) : INACTIVE;
  }

  private introspector(caller: OAuthCaller, request: FastifyRequest): Introspector {
    switch (caller.kind) {
      case 'bearer':
        this.guard.require([RIGHT], caller.principal, request);
        return { clientId: null, audiences: [], mayAskAboutAll: true };
      case 'client': {
        // With the permission it could get itself a token that does for it.
        const { clientId, audiences, permissions } = caller.client;
        return { clientId, audiences, mayAskAboutAll: permissions.includes(RIGHT) };
      }
      case 'public':
        // RFC 7662 section 2.1: otherwise anyone could try out tokens.
        throw clientRefused({ byHeader: true });
    }
  }

  private async aboutRefreshToken(token: string, asker: Introspector): Promise<IntrospectionDto> {
    const session = await this.sessions.inspect(token);
    const mayAsk = asker.mayAskAboutAll || session?.clientId === asker.clientId;
    return session && mayAsk ? aboutRefreshToken(session, this.env.issuer) : INACTIVE;
  }
}
