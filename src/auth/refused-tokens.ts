import { Injectable } from '@nestjs/common';
import type { RefusalReason, VerificationError } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { Metrics } from '../common/metrics.js';

/** Every refused token is counted by reason, and logged with its user and request. The token itself is never written anywhere. */
@Injectable()
export class RefusedTokens {
  private readonly counter: Counter<'reason'>;

  constructor(metrics: Metrics) {
    this.counter = metrics.counter('portcullis_token_refusals_total', 'Tokens refused, by reason', ['reason']);
  }

  note(error: VerificationError, request: FastifyRequest): void {
    const reason: RefusalReason = error.reason;
    this.counter.inc({ reason });
    const { sub: userId, client_id: clientId, sid: sessionId, jti: tokenId } = error.claims ?? {};
    request.log.warn({ reason, userId, clientId, sessionId, tokenId, requestId: request.id }, 'token refused');
  }
}
