import type { Server } from 'node:http';

/**
 * Serves a request that expects something unheard of as if it had not (RFC 9110 section 10.1.1 leaves that free). By itself Node answers 417,
 * without a body, and without asking any hook.
 */
export function ignoreUnknownExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}
