import { LogController, type FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import type { Env } from '../../config/env.js';
import { answerBrokenRequest, answerBrokenUrl } from './broken-requests.js';
import { requestId } from './request-id.js';

/** Milliseconds without a byte in either direction: longer than anything here waits, so only a dead client reaches it. */
const CONNECTION_TIMEOUT = 60_000;
const KEEP_ALIVE_TIMEOUT = 65_000;
const HEADERS_TIMEOUT = 10_000;
/** Bytes. The token of someone who holds every permission fits in (see `permission-catalogue.ts`). */
const MAX_HEADER_SIZE = 64 * 1024;
/** Milliseconds between looks at who is too slow. */
const CHECK_INTERVAL = 5_000;

type Options = FastifyServerOptions & {
  http: { headersTimeout: number; connectionsCheckingInterval: number; maxHeaderSize: number };
  skipMiddie: boolean;
};

export function fastifyOptions({ env, logger }: { env: Env; logger: Logger }): Options {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    bodyLimit: env.bodyLimit,
    requestTimeout: env.requestTimeoutMs,
    connectionTimeout: CONNECTION_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT, env.requestTimeoutMs),
      maxHeaderSize: MAX_HEADER_SIZE,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL, env.requestTimeoutMs),
    },
    routerOptions: { maxParamLength: 300 },
    trustProxy: env.trustedProxies.length > 0 ? [...env.trustedProxies] : false,
    // While it drains, a request that still comes in over an open connection is served, and the connection closed after it.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: answerBrokenUrl,
    clientErrorHandler: answerBrokenRequest,
    // No room uses Nest middleware: its engine would cost every request something for nothing.
    skipMiddie: true,
    // Nor has any route a schema of Fastify's: DTOs say what bodies are like. Its compilers would be loaded for nothing.
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
  };
}

function refuseSchemas(): never {
  throw new Error('Bodies are described by DTOs here, not by schemas of Fastify.');
}
