import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { StaleWindowError } from '@portcullis/verifier';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { brokerAnswerOf, speaksMigratoryData } from './broker-answer.js';
import { isConnectionLoss, isDataException } from './database-errors.js';
import { oauthErrorOf, speaksOAuth } from './oauth-error.js';
import { Problem, invalidFields, unavailable } from './problem.js';

const CODES: Record<number, string> = {
  400: 'bad_request',
  404: 'not_found',
  408: 'request_timeout',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};

/** Turns whatever was thrown into what the client may know; the cause goes to the log only. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HttpException) return generic(error.getStatus(), error.message, error);
  if (error instanceof StaleWindowError) {
    return unavailable('Whether tokens are still valid cannot be known right now.', 1, error);
  }
  // Whoever asked has hung up: the answer is for the log alone.
  if (error instanceof Error && error.name === 'AbortError') return generic(408, 'The client went away.');
  if (isDataException(error)) return invalidFields([{ field: '', message: 'holds a value that cannot be stored' }]);
  if (isConnectionLoss(error)) return unavailable('The database cannot be reached right now.', 1, error);
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return generic(statusCode, String(message));
  return new Problem(500, 'internal_error', 'Something went wrong. The request id names it in our logs.', {
    cause: error,
  });
}

function generic(status: number, message: string, cause?: unknown): Problem {
  if (status === 404) return new Problem(404, 'not_found', 'There is nothing at this address.');
  if (status >= 500) return new Problem(status, 'unavailable', 'The service cannot answer this right now.', { cause });
  return new Problem(status, CODES[status] ?? 'bad_request', message);
}

export function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): void {
  // A refusal to take on more has no cause, and is in the log of requests: an error for each would be a load of its own.
  if (problem.getStatus() >= 500 && problem.extras.cause !== undefined) {
    request.log.error({ err: problem.extras.cause, code: problem.code }, 'request failed');
  }
  const { status, headers, type, body } = answerOf(problem, request);
  void reply.status(status).headers({ ...headers, 'cache-control': 'no-store' });
  void reply.type(`${type}; charset=utf-8`).send(JSON.stringify(body));
}

/** As whoever asks at this address expects it. */
function answerOf(
  problem: Problem,
  { url, id }: FastifyRequest,
): { status: number; headers: Record<string, string>; type: string; body: object } {
  const { headers } = problem;
  const status = problem.getStatus();
  if (speaksOAuth(url)) {
    // RFC 6749 section 5.1 asks for this header besides the other.
    return {
      status,
      headers: { ...headers, pragma: 'no-cache' },
      type: 'application/json',
      body: oauthErrorOf(problem),
    };
  }
  if (speaksMigratoryData(url)) return { ...brokerAnswerOf(problem), type: 'application/json' };
  return { status, headers, type: 'application/problem+json', body: problem.body(id) };
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(problemOf(error), http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
