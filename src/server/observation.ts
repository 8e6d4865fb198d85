import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { callerAddress } from '../common/caller-address.js';
import type { Metrics } from '../common/metrics.js';
import { isProbe } from './probes.js';
import { RequestDurations } from './request-durations.js';

/** Notes when a request arrived, gives it its id, and afterwards logs and measures it by its route, never by the address as sent. */
export function observeRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const durations = new RequestDurations();
  metrics.add(() => durations.text());
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
    durations.observe(request.method, route, reply.statusCode, ms / 1000);
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
    address: callerAddress(request),
    subject: request.principal?.subject,
  };
  // Of interest only to whoever debugs them.
  if (isProbe(request)) request.log.debug(entry, 'request');
  else request.log.info(entry, 'request');
}
