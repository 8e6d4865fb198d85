import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ENV, type Env } from '../../config/env.js';
import { actorOf } from '../common/principal.js';
import { Problem } from '../common/problem.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { fromOwnPage } from './own-page.js';

/**
 * `__Host-` makes browsers refuse it from another host, over plain HTTP or with a domain: no neighbour below the same domain can plant one. It needs
 * `Path=/`, which is no loss: a path keeps no page of the same origin from sending a cookie.
 */
export const REFRESH_COOKIE = '__Host-portcullis_refresh';

export type TokenMode = 'body' | 'cookie';

/**
 * The refresh token of browsers, in a cookie that no script can read, and that comes from the issuer's own pages alone. It is `Secure` everywhere:
 * browsers count `http://localhost` as trustworthy, and nothing else without TLS should have it. Every route that answers with tokens hands its answer
 * through `hand`.
 */
@Injectable()
export class SessionCookie {
  private readonly origin: string;
  private readonly lifetime: number;

  constructor(
    @Inject(ENV) env: Env,
    private readonly sessions: SessionsService,
  ) {
    this.origin = new URL(env.issuer).origin;
    this.lifetime = env.refreshTokenTtl;
  }

  /** Before anything is done for a request that wants the cookie, or is to be answered by it. @throws Problem 403 `foreign_page` */
  requireOwnPage({ headers }: FastifyRequest): void {
    if (fromOwnPage(headers.origin, headers['sec-fetch-site'], this.origin)) return;
    throw new Problem(
      403,
      'foreign_page',
      `The cookie is for pages of ${this.origin}, and this request comes from none.`,
    );
  }

  /** The same, if that is the mode asked for. */
  requireFor(mode: TokenMode | undefined, request: FastifyRequest): void {
    if (mode === 'cookie') this.requireOwnPage(request);
  }

  /** The refresh token that the browser keeps, or null. @throws Problem 403 `foreign_page` when there is one, and another's page sends it */
  read(request: FastifyRequest): string | null {
    const token = valueIn(request.headers.cookie ?? '');
    if (token === null) return null;
    this.requireOwnPage(request);
    return token;
  }

  /** The answer as the mode wants it: with a cookie, its body holds no refresh token. An answer without tokens stays as it is. */
  hand<Answer extends object>(answer: Answer, mode: TokenMode | undefined, reply: FastifyReply): Answer {
    if (mode !== 'cookie' || !('refresh_token' in answer)) return answer;
    const { refresh_token: token, ...rest } = answer;
    reply.header('set-cookie', this.cookie(String(token), this.lifetime));
    return rest as Answer;
  }

  /** The same for the answer to a login: the session whose cookie it takes the place of ends, since nobody could do so any more. */
  async handOver<Answer extends object>(
    answer: Answer,
    mode: TokenMode | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Answer> {
    const handed = this.hand(answer, mode, reply);
    const former = handed === answer ? null : valueIn(request.headers.cookie ?? '');
    const sessionId = former === null ? null : this.sessions.sessionOf(former);
    if (sessionId !== null) await this.sessions.end(actorOf(request), sessionId, 'logged_in_again');
    return handed;
  }

  clear(reply: FastifyReply): void {
    reply.header('set-cookie', this.cookie('', 0));
  }

  private cookie(value: string, maxAge: number): string {
    return `${REFRESH_COOKIE}=${value}; Max-Age=${maxAge}; Path=/; HttpOnly; Secure; SameSite=Strict`;
  }
}

/** RFC 6265 section 4.2.1. A refresh token has no character that would need to be quoted. */
function valueIn(header: string): string | null {
  const prefix = `${REFRESH_COOKIE}=`;
  const pair = header.split(';').find((text) => text.trimStart().startsWith(prefix));
  return pair?.trim().slice(prefix.length) || null;
}
