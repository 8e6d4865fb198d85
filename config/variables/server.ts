import { integer, networks, oneOf, or, origins } from '../parsers.js';
import { optional, withDefault } from '../variable.js';

const LOG_LEVELS = oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent');

/** How requests come in, and how they are served. */
export const SERVER = {
  trustedProxies: optional(
    'PORTCULLIS_TRUSTED_PROXIES',
    'none',
    networks,
    'Proxies whose `X-Forwarded-*` headers are believed',
  ),
  corsOrigins: optional('PORTCULLIS_CORS_ORIGINS', 'none', origins, 'Origins whose pages may call the API'),
  bodyLimit: withDefault(
    'PORTCULLIS_BODY_LIMIT',
    '65536',
    integer(1024, 16 * 1024 ** 2),
    'Largest request body, in bytes',
  ),
  requestTimeoutMs: withDefault(
    'PORTCULLIS_REQUEST_TIMEOUT_MS',
    '15000',
    integer(100, 600_000),
    'Time (ms) to receive and answer a request',
  ),
  shutdownTimeoutMs: withDefault(
    'PORTCULLIS_SHUTDOWN_TIMEOUT_MS',
    '10000',
    integer(0, 600_000),
    'Time (ms) that requests in flight get when the service is told to stop',
  ),
  workers: withDefault(
    'PORTCULLIS_WORKERS',
    '1',
    or('auto', integer(1, 256)),
    'Processes that serve requests; `auto` for one per core, as far as there are connections',
  ),
  logLevel: withDefault('PORTCULLIS_LOG_LEVEL', 'info', LOG_LEVELS, 'Least severe level that is logged'),
} as const;
