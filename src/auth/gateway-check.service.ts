import { Injectable } from '@nestjs/common';
import { VerificationError, bearerOf, type Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { insufficientScope, invalidToken, tokenRequired } from '../common/problem.js';
import { RefusedTokens, refusedBearer } from '../common/refused-tokens.js';
import { decideAccess } from '../permissions/access-decision.js';
import { AudienceTokens } from '../tokens/audience-tokens.js';
import { gatewayHeaders, type GatewayHeaders } from './gateway-headers.js';
import type { GatewayRequirements } from './gateway-requirements.js';
import { refusalOfToken } from './token-refusal.js';

/** Decides about a request that is not for this service, in the name of the gateway that received it. Writes nothing. */
@Injectable()
export class GatewayCheck {
  constructor(
    private readonly tokens: AudienceTokens,
    private readonly refused: RefusedTokens,
  ) {}

  /**
   * What the gateway is to tell the service behind it.
   *
   * @throws Problem 401 when the token is not accepted, or what is required was taken away since it was minted; 403 when it lacks that; 503
   */
  async check(request: FastifyRequest, required: GatewayRequirements): Promise<GatewayHeaders> {
    const principal = await this.accept(request, required.audience);
    request.principal = principal;
    const decision = decideAccess(required.permissions, principal, required.roles);
    switch (decision.kind) {
      case 'allow':
        return this.tell(principal, request);
      case 'refresh':
        this.refused.note('role_changed', refusedBearer(principal), request);
        throw invalidToken('What this needs was taken away. Get a new token.', 'role_changed');
      case 'deny':
        throw insufficientScope(required.permissions, decision.missing);
    }
  }

  private async accept(request: FastifyRequest, audience: GatewayRequirements['audience']): Promise<Principal> {
    const bearer = bearerOf(request.raw);
    if (bearer === 'absent') throw tokenRequired();
    try {
      if (bearer === 'ambiguous') throw new VerificationError('malformed', { signatureValid: false });
      return await this.tokens.verify(bearer.token, audience, request.arrivedAt);
    } catch (error) {
      throw refusalOfToken(error, request, this.refused);
    }
  }

  private tell(principal: Principal, request: FastifyRequest): GatewayHeaders {
    const headers = gatewayHeaders(principal);
    if (headers !== null) return headers;
    this.refused.note('malformed', refusedBearer(principal), request);
    throw invalidToken('Its subject or its client is too long to be told.', 'malformed');
  }
}
