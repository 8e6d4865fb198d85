import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf, sendProblem } from '../common/problem.filter.js';

/**
 * Refusals without a body: a gateway looks at the status, and some pass the rest on to the client. Why a token with a good signature is refused is
 * in the challenge (RFC 6750 section 3). What is not about the token is answered as everywhere, for whoever set the gateway up.
 */
@Catch()
export class GatewayAnswerFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const problem = problemOf(error);
    const status = problem.getStatus();
    if (status !== 401 && status !== 403) {
      sendProblem(problem, http.getRequest<FastifyRequest>(), reply);
      return;
    }
    const { 'www-authenticate': challenge = '' } = problem.headers;
    const { reason } = problem.extras;
    const why = reason === undefined ? '' : `, error_description="${reason}"`;
    void reply.status(status).header('www-authenticate', `${challenge}${why}`).send();
  }
}
