import { Injectable } from '@nestjs/common';
import { hasSeveralAuthorizations, type Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import type { ClientCredentials } from '../../clients/client-directory.js';
import { OAuthError } from '../../common/oauth-error.js';
import { LOGIN_CLIENT } from '../../common/login-client.js';
import { actorOf, type Actor } from '../../common/principal.js';
import { tokenRequired } from '../../common/problem.js';
import { ClientAuthentication } from './client-authentication.service.js';
import { clientProofOf, clientRefused } from './client-proof.js';
import type { Parameters } from './parameters.js';

/**
 * Who calls an OAuth endpoint: a client that has proven itself; somebody with an access token; or whoever holds what a session of a person got,
 * by which the public client of the logins is known.
 */
export type OAuthCaller = ClientCaller | { kind: 'bearer'; principal: Principal; actor: Actor };

export type ClientCaller =
  { kind: 'client'; client: ClientCredentials; actor: Actor } | { kind: 'public'; actor: Actor };

@Injectable()
export class OAuthCallers {
  constructor(private readonly authentication: ClientAuthentication) {}

  /** @throws OAuthError `invalid_client`, `invalid_request`; Problem 401 for a token that is refused, 429 */
  async identify(request: FastifyRequest, parameters: Parameters): Promise<OAuthCaller> {
    if (!/^bearer /i.test(request.headers.authorization ?? '')) return this.identifyClient(request, parameters);
    // Throws by itself where half of a client's proof is there.
    if (clientProofOf(undefined, parameters).method !== 'none')
      throw new OAuthError('invalid_request', 'The client authenticates in more than one way.');
    const { principal } = request;
    if (!principal) throw request.refuse?.() ?? tokenRequired();
    return { kind: 'bearer', principal, actor: actorOf(request) };
  }

  /** @throws OAuthError `invalid_client`, `invalid_request`; Problem 429 */
  async identifyClient(request: FastifyRequest, parameters: Parameters): Promise<ClientCaller> {
    if (hasSeveralAuthorizations(request.raw.rawHeaders))
      throw new OAuthError('invalid_request', 'The header Authorization is there more than once.');
    const actor = actorOf(request);
    const proof = clientProofOf(request.headers.authorization, parameters);
    if (proof.method !== 'none') {
      const client = await this.authentication.authenticate(proof, actor);
      const permissions = new Set(client.permissions);
      return { kind: 'client', client, actor: { ...actor, type: 'client', id: client.clientId, permissions } };
    }
    if (proof.clientId !== undefined && proof.clientId !== LOGIN_CLIENT) throw clientRefused({ byHeader: false });
    return { kind: 'public', actor };
  }
}
