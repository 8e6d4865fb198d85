import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { VerifiedToken } from '@portcullis/verifier';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { ClientDirectory } from '../../clients/client-directory.js';
import { callerAddress } from '../../common/caller-address.js';
import { OAuthError } from '../../common/oauth-error.js';
import { UUID } from '../../common/pagination.js';
import type { Actor } from '../../common/principal.js';
import { inTransaction } from '../../database/transaction.js';
import { PermissionsGuard } from '../../permissions/permissions.guard.js';
import { PermissionsService } from '../../permissions/permissions.service.js';
import { networkOf } from '../../limits/network.js';
import { RateLimits } from '../../limits/rate-limits.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { IssuedTokens } from '../../tokens/issued-tokens.js';
import { OAuthCallers, type OAuthCaller } from './caller.service.js';
import type { Parameters } from './parameters.js';
import { isOwn } from './revocation-right.js';

const RIGHT = 'tokens:revoke';

/** What `POST /oauth/revoke` does (RFC 7009): nothing for what is no token any more, and that is no error. */
@Injectable()
export class RevocationService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly callers: OAuthCallers,
    private readonly guard: PermissionsGuard,
    private readonly permissions: PermissionsService,
    private readonly clients: ClientDirectory,
    private readonly tokens: IssuedTokens,
    private readonly sessions: SessionsService,
    private readonly limits: RateLimits,
    private readonly audit: AuditService,
  ) {}

  /** @throws OAuthError; Problem 401, 403 for a token without the permission or of someone with more permissions, 429, 503 */
  async revoke(parameters: Parameters, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const token = parameters.require('token');
    const caller = await this.callers.identify(request, parameters);
    if (caller.kind === 'public') await this.limits.admit('refresh', networkOf(callerAddress(request)), reply);
    const sessionId = this.sessions.sessionOf(token);
    if (sessionId !== null) {
      await this.endSession(sessionId, caller);
      return;
    }
    const opened = await this.tokens.open(token);
    if (!opened) return;
    // What a shared key signed may have been written by whoever knows it, so its claims make it nobody's own.
    const own = opened.keyAudience === null && isOwn(opened.claims, caller);
    if (!own) {
      this.requireRight(caller, request);
      await this.requireMayTouchClient(caller.actor, opened);
    }
    await inTransaction(this.dataSource, async (manager) => {
      if (!own) await this.requireMayTouch(manager, caller.actor, opened);
      await this.takeBack(manager, caller.actor, opened);
    });
  }

  /** Having the refresh token is right enough, as with a logout. But a client is told that it has what was issued to another. */
  private async endSession(sessionId: string, caller: OAuthCaller): Promise<void> {
    if (caller.kind === 'client') throw notIssuedToYou();
    await this.sessions.end(caller.actor, sessionId, 'refresh_token_revoked');
  }

  private requireRight(caller: OAuthCaller, request: FastifyRequest): void {
    if (caller.kind !== 'bearer') throw notIssuedToYou();
    this.guard.require([RIGHT], caller.principal, request);
  }

  /** Nobody ends what belongs to someone, or says something, beyond themselves. */
  private async requireMayTouch(manager: EntityManager, actor: Actor, { principal }: VerifiedToken): Promise<void> {
    const { subject, tokenId, permissions } = principal;
    this.permissions.requireMayTouch(actor, { type: 'token', id: tokenId }, permissions);
    if (UUID.test(subject)) await this.permissions.requireMayTouchUser(manager, actor, subject);
  }

  /** The same of a client, which may hold more than its token says. */
  private async requireMayTouchClient(actor: Actor, { principal: { subject } }: VerifiedToken): Promise<void> {
    const client = await this.clients.credentialsOf(subject);
    if (client) this.permissions.requireMayTouch(actor, { type: 'client', id: subject }, client.permissions);
  }

  private async takeBack(manager: EntityManager, actor: Actor, opened: VerifiedToken): Promise<void> {
    const outcome = await this.tokens.revoke(manager, opened, actor.id);
    if (outcome === 'unsupported') throw notOnRecord();
    if (outcome === 'nothing') return;
    const { sub, client_id: clientId, jti } = opened.claims;
    await this.audit.record(manager, {
      action: 'token.revoked',
      actor,
      target: { type: 'token', id: jti },
      details: { subject: sub, clientId },
    });
  }
}

/** RFC 7009 section 2.1: the request is refused, and the client is told. */
function notIssuedToYou(): OAuthError {
  return new OAuthError('unauthorized_client', 'This token was issued to another client.');
}

/** RFC 7009 section 2.2.1. */
function notOnRecord(): OAuthError {
  return new OAuthError(
    'unsupported_token_type',
    'Of the tokens that a secret shared with an audience signs, only generated ones can be revoked one by one: end the session or the client instead.',
  );
}
