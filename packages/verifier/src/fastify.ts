import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
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

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request: set where `requireAuth` let it pass, null elsewhere. */
    auth: Principal | null;
  }
  interface FastifyInstance {
    /** A hook (`onRequest` or `preHandler`) that lets a request pass whose Bearer token is accepted and has what is required. */
    requireAuth: RequireAuth;
  }
}

export type RequireAuth = (
  requirements?: Requirements,
) => (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>;

export interface PortcullisPluginOptions {
  /** Whoever made it closes it. */
  verifier: AccessVerifier;
  /** Throw refusals as `AccessError`, for an error handler of your own, instead of answering them. */
  passErrors?: boolean;
}

/**
 * Decorates `request.auth` and `app.requireAuth`, for the instance that registers it and all below it.
 *
 * @example
 * await app.register(portcullis, { verifier });
 * app.get('/orders', { onRequest: app.requireAuth({ permissions: ['orders:read'] }) }, ({ auth }) => ordersOf(auth.subject));
 */
export const portcullis: FastifyPluginCallback<PortcullisPluginOptions> = Object.assign(
  ((app, { verifier, passErrors = false }, done) => {
    assertVerifiesAccess(verifier);
    const requireAuth: RequireAuth = (given = {}) => {
      const requirements = checkedRequirements(given);
      return async (request, reply) => {
        request.auth = null;
        try {
          request.auth = await authorize(verifier, request.raw, requirements);
          return undefined;
        } catch (error) {
          if (!(error instanceof AccessError) || passErrors) throw error;
          const { status, headers, problem } = error;
          return reply.code(status).headers(headers).type(PROBLEM_TYPE).send(JSON.stringify(problem));
        }
      };
    };
    app.decorateRequest('auth', null);
    app.decorate('requireAuth', requireAuth);
    done();
  }) satisfies FastifyPluginCallback<PortcullisPluginOptions>,
  {
    // What fastify-plugin does: not a world of its own, but part of the one that registers it.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@portcullis/verifier',
    [Symbol.for('plugin-meta')]: { name: '@portcullis/verifier', fastify: '4.x || 5.x' },
  },
);

export default portcullis;
