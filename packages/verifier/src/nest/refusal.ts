import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { PROBLEM_TYPE, type AccessError } from '../http-access.js';

/** What the guard throws: its response is the problem, its cause the `AccessError`. */
export class AccessException extends HttpException {
  constructor(error: AccessError) {
    super({ ...error.problem }, error.status, { cause: error });
  }
}

/** Answers with the problem under its own media type, which Nest's own filter replaces on some platforms. */
@Catch(AccessException)
export class AccessExceptionFilter implements ExceptionFilter<AccessException> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(exception: AccessException, context: ArgumentsHost): void {
    const { httpAdapter } = this.host;
    const response: unknown = context.switchToHttp().getResponse();
    httpAdapter.setHeader(response, 'content-type', PROBLEM_TYPE);
    // As text: nothing about it is left to be decided.
    httpAdapter.reply(response, JSON.stringify(exception.getResponse()), exception.getStatus());
  }
}
