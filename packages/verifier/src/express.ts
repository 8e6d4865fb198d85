import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  AccessError,
  assertVerifiesAccess,
  authorize,
  checkedRequirements,
  PROBLEM_TYPE,
  type AccessVerifier,
  type Requirements,
} from './http-access.js';
import type { Principal } from './principal.js';

export { AccessError, type Problem, type Requirements } from './http-access.js';

declare global {
  namespace Express {
    interface Request {
      /** Who makes the request: set where `requireAuth` let it pass. */
      auth?: Principal | undefined;
    }
  }
}

export interface BearerAuthOptions {
  /** Hand refusals to `next` as `AccessError`, for an error handler of your own, instead of answering them. */
  passErrors?: boolean;
}

/** Middleware of Express 4 and 5, and of what takes the same. */
export type Middleware = (
  request: IncomingMessage & { auth?: Principal | undefined },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Gives `requireAuth`, which makes middleware: it lets a request pass whose Bearer token is accepted and has what is required, as `request.auth`. Any
 * other is answered with 401, 403 or 503 (RFC 6750, RFC 9457).
 *
 * @example
 * const requireAuth = bearerAuth(verifier);
 * app.get('/orders', requireAuth({ permissions: ['orders:read'] }), (request, response) => response.json(ordersOf(request.auth.subject)));
 */
export function bearerAuth(
  verifier: AccessVerifier,
  { passErrors = false }: BearerAuthOptions = {},
): (requirements?: Requirements) => Middleware {
  assertVerifiesAccess(verifier);
  return (given = {}) => {
    const requirements = checkedRequirements(given);
    return (request, response, next) => {
      // Nobody but this middleware says who it is.
      request.auth = undefined;
      authorize(verifier, request, requirements).then(
        (principal) => {
          request.auth = principal;
          next();
        },
        (error: unknown) => {
          if (error instanceof AccessError && !passErrors) answer(error, response);
          else next(error);
        },
      );
    };
  };
}

function answer({ status, headers, problem }: AccessError, response: ServerResponse): void {
  // Whoever watches over the time that requests take may have answered meanwhile.
  if (response.headersSent) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-type', PROBLEM_TYPE);
  response.end(JSON.stringify(problem));
}
