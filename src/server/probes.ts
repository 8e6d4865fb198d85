import type { FastifyRequest } from 'fastify';

const PROBES = new Set(['/health/live', '/health/ready', '/metrics']);

/** Whether it is a machine that asks, every few seconds, how the service is. */
export function isProbe(request: FastifyRequest): boolean {
  return PROBES.has(request.routeOptions.url ?? '');
}
