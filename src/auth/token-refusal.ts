import { VerificationError } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { invalidToken, type Problem } from '../common/problem.js';
import { problemOf } from '../common/problem.filter.js';
import type { RefusedTokens } from '../common/refused-tokens.js';

/** What a client is told when its token was not accepted, or could not be judged. A refusal is noted. */
export function refusalOfToken(error: unknown, request: FastifyRequest, refused: RefusedTokens): Problem {
  if (!(error instanceof VerificationError)) return problemOf(error);
  const { sub, client_id: clientId, sid, jti } = error.claims ?? {};
  refused.note(error.reason, { userId: sub, clientId, sessionId: sid, tokenId: jti }, request);
  return invalidToken('The token is not accepted.', error.signatureValid ? error.reason : undefined);
}
