import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../common/problem.filter.js';
import type { Problem } from '../common/problem.js';

/** Answers errors in the form that clients of MigratoryData's token generator know. */
@Catch()
export class BrokerAnswerFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const problem = problemOf(error);
    const { cause } = problem.extras;
    if (problem.getStatus() >= 500 && cause !== undefined)
      request.log.error({ err: cause, code: problem.code }, 'request failed');
    const isWrongPassword = problem.getStatus() === 401;
    const headers = isWrongPassword ? {} : problem.headers;
    void http
      .getResponse<FastifyReply>()
      .status(isWrongPassword ? 400 : problem.getStatus())
      .headers({ ...headers, 'cache-control': 'no-store' })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify({ response: isWrongPassword ? 'Invalid username or password!' : wordsOf(problem) }));
  }
}

function wordsOf({ detail, extras: { errors = [] } }: Problem): string {
  const [first] = errors;
  return first && first.field !== '' ? `${first.field} ${first.message}` : detail;
}
