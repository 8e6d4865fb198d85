import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../common/metrics.js';

/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Asked every few seconds by machines: of interest only to whoever debugs them. */
const PROBES = new Set(['/health/live', '/health/ready', '/metrics']);

/** Notes when a request arrived, gives it its id, and afterwards logs and measures it by its route, never by the address as sent. */
export function observeRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const duration = metrics.histogram(
    'http_request_duration_seconds',
    'Time from the arrival of a request to the end of its answer',
    ['method', 'route', 'status'],
    BUCKETS,
  );
  fastify.decorateRequest('arrivedAt', 0);
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', (request, reply, done) => {
    request.arrivedAt = performance.now();
    void reply.header('x-request-id', request.id);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const ms = performance.now() - request.arrivedAt;
    const route = request.routeOptions.url ?? 'unmatched';
    duration.observe({ method: request.method, route, status: `${Math.floor(reply.statusCode / 100)}xx` }, ms / 1000);
    log(request, reply, route, ms);
    done();
  });
}

function log(request: FastifyRequest, reply: FastifyReply, route: string, ms: number): void {
  const entry = {
    method: request.method,
    route,
    status: reply.statusCode,
    ms: Math.round(ms * 1000) / 1000,
    address: request.ip,
    subject: request.principal?.subject,
  };
  if (PROBES.has(route)) request.log.debug(entry, 'request');
  else request.log.info(entry, 'request');
}
