import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { ENV, type Env } from '../../../config/env.js';
import { callerAddress } from '../../common/caller-address.js';
import { Metrics } from '../../common/metrics.js';
import { OAuthError } from '../../common/oauth-error.js';
import { Problem } from '../../common/problem.js';
import { networkOf } from '../../limits/network.js';
import { RateLimits } from '../../limits/rate-limits.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { ClientTokenMinter } from '../../tokens/client-token-minter.js';
import { warningsField, type MintedToken } from '../../tokens/minted-token.js';
import { TokenMinter } from '../../tokens/token-minter.js';
import { OAuthCallers, type ClientCaller } from './caller.service.js';
import { clientRefused } from './client-proof.js';
import type { Parameters } from './parameters.js';
import { requestedPermissions, requireSome } from './scope.js';
import { targetOf } from './target.js';

const GRANTS = ['client_credentials', 'refresh_token'] as const;
type Grant = (typeof GRANTS)[number];

const invalidGrant = (): OAuthError => new OAuthError('invalid_grant', 'The refresh token is not valid. Log in again.');

/** RFC 6749 section 5.1. */
export interface TokenAnswer {
  access_token: string;
  token_type: 'Bearer';
  /** Seconds. */
  expires_in: number;
  refresh_token?: string;
  scope?: string;
  warnings?: string[];
}

/** What `POST /oauth/token` does (RFC 6749 section 3.2). */
@Injectable()
export class TokenEndpoint {
  private readonly issued: Counter<'grant'>;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly callers: OAuthCallers,
    private readonly clientTokens: ClientTokenMinter,
    private readonly sessionTokens: TokenMinter,
    private readonly sessions: SessionsService,
    private readonly limits: RateLimits,
    metrics: Metrics,
  ) {
    this.issued = metrics.counter('portcullis_oauth_tokens_total', 'Tokens issued by the token endpoint, by grant', [
      'grant',
    ]);
  }

  /** @throws OAuthError; Problem 429, 503 */
  async grant(parameters: Parameters, request: FastifyRequest, reply: FastifyReply): Promise<TokenAnswer> {
    const grant = parameters.require('grant_type');
    if (!isSupported(grant)) throw new OAuthError('unsupported_grant_type', `Grants here are ${GRANTS.join(' and ')}.`);
    const caller = await this.callers.identifyClient(request, parameters);
    const answer =
      grant === 'client_credentials'
        ? await this.clientCredentials(caller, parameters, request, reply)
        : await this.refreshToken(caller, parameters, request, reply);
    this.issued.inc({ grant });
    return answer;
  }

  /** RFC 6749 section 4.4: without a refresh token, which a client that has its secret has no use for. */
  private async clientCredentials(
    caller: ClientCaller,
    parameters: Parameters,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<TokenAnswer> {
    if (caller.kind !== 'client') throw clientRefused({ byHeader: false });
    const { clientId, epoch, permissions: held, audiences } = caller.client;
    await this.limits.admit('grants', clientId, reply);
    const permissions = requestedPermissions(parameters.get('scope'));
    requireSome(permissions, held);
    const audience = targetOf(parameters.all('resource'), audiences, this.env.issuer);
    const minted = await targeted(this.clientTokens.mint({ clientId, epoch, audience, permissions }));
    // Disabled, or given other credentials, since it has proven itself.
    if (!minted) throw clientRefused({ byHeader: false });
    requireGranted(permissions, minted);
    // Too many for the audit trail; the log has each.
    request.log.info({ clientId, audience, scope: minted.scope }, 'client token issued');
    return answerOf(minted);
  }

  /** RFC 6749 section 6. The sessions of people are those of a public client, so the token is all that it takes. */
  private async refreshToken(
    caller: ClientCaller,
    parameters: Parameters,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<TokenAnswer> {
    const refreshToken = parameters.require('refresh_token');
    // It was issued to another client than this one.
    if (caller.kind === 'client') throw invalidGrant();
    const { actor } = caller;
    await this.limits.admit('refresh', networkOf(callerAddress(request)), reply);
    const narrowing = narrowingOf(parameters);
    const narrowed = narrowing && (await this.mintNarrowed(refreshToken, narrowing));
    const next = await this.sessions.refresh(refreshToken, actor);
    const minted = next && (narrowing ? narrowed : await this.sessionTokens.mint(next.sessionId));
    // Ended meanwhile, at the latest between the rotation and the reading of the facts.
    if (!minted) throw invalidGrant();
    return { ...answerOf(minted), refresh_token: next.refreshToken };
  }

  /**
   * Before the refresh token is used up, so that a request which asks for what it cannot have costs nobody a session. `as_of` is older for
   * that, never newer.
   */
  private async mintNarrowed(refreshToken: string, { permissions, resources }: Narrowing): Promise<MintedToken | null> {
    const session = await this.sessions.inspect(refreshToken);
    if (!session) return null;
    const audience = resources.length > 0 ? { audience: [...new Set(resources)] } : {};
    const minted = await targeted(this.sessionTokens.mint(session.sessionId, { ...audience, permissions }));
    if (minted) requireGranted(permissions, minted);
    return minted;
  }
}

/** What is asked for in place of all that the session holds. */
interface Narrowing {
  permissions: string[] | null;
  resources: readonly string[];
}

function narrowingOf(parameters: Parameters): Narrowing | null {
  const permissions = requestedPermissions(parameters.get('scope'));
  const resources = parameters.all('resource');
  return permissions === null && resources.length === 0 ? null : { permissions, resources };
}

function isSupported(grant: string): grant is Grant {
  return GRANTS.some((supported) => supported === grant);
}

/** What the minter finds wrong with the audiences is wrong with the resources that were asked for. */
async function targeted(minting: Promise<MintedToken | null>): Promise<MintedToken | null> {
  try {
    return await minting;
  } catch (error) {
    if (!(error instanceof Problem) || error.getStatus() !== 400) throw error;
    const reasons = error.extras.errors?.map(({ message }) => message) ?? [];
    throw new OAuthError('invalid_target', `The resources cannot share a token: one ${reasons.join('; one ')}.`);
  }
}

function requireGranted(requested: readonly string[] | null, { scope }: MintedToken): void {
  requireSome(requested, scope.split(' '));
}

function answerOf({ accessToken, expiresIn, scope, warnings }: MintedToken): TokenAnswer {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresIn,
    // RFC 6749 section 3.3: a scope is not empty.
    ...(scope !== '' && { scope }),
    ...warningsField(warnings),
  };
}
