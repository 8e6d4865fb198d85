import { Injectable } from '@nestjs/common';
import type { Principal, RefusalReason } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { Metrics } from './metrics.js';

/** Whom a refused token is about, as far as its signature vouches for that. */
export interface RefusedBearer {
  userId?: string | undefined;
  clientId?: string | undefined;
  sessionId?: string | null | undefined;
  tokenId?: string | undefined;
}

export function refusedBearer({ subject, clientId, sessionId, tokenId }: Principal): RefusedBearer {
  return { userId: subject, clientId, sessionId, tokenId };
}

/** Every refused token is counted by reason, and logged with its user and request. The token itself is never written anywhere. */
@Injectable()
export class RefusedTokens {
  private readonly counter: Counter<'reason'>;

  constructor(metrics: Metrics) {
    this.counter = metrics.counter('portcullis_token_refusals_total', 'Tokens refused, by reason', ['reason']);
  }

  note(reason: RefusalReason, bearer: RefusedBearer, request: FastifyRequest): void {
    this.counter.inc({ reason });
    request.log.warn({ reason, ...bearer }, 'token refused');
  }
}
