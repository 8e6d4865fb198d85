import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../common/problem.js';
import { sendProblem } from '../common/problem.filter.js';
import { requestId } from './request-id.js';
import { SECURITY_HEADERS } from './security-headers.js';

const BROKEN_URL = new Problem(400, 'bad_request', 'The address is not valid: its percent-encoding is broken.');
const TOO_LONG = new Problem(414, 'uri_too_long', 'A part of the address is too long.');

/** What the router cannot take apart. No hook has run by then, so the headers that hooks set are set here. */
export function answerBrokenUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id });
  sendProblem(error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? TOO_LONG : BROKEN_URL, request, reply);
}

const NOT_HTTP = new Problem(400, 'bad_request', 'This is not a request that HTTP/1.1 allows.');
const PARSER_PROBLEMS: Record<string, Problem> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, 'request_timeout', 'The request took too long to arrive.'),
  HPE_HEADER_OVERFLOW: new Problem(431, 'headers_too_large', 'The request headers are too large.'),
};

/** What Node's HTTP parser gave up on: there is no request, only a socket. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy(error);
    return;
  }
  if (isAnswered(socket)) {
    socket.end();
    return;
  }
  const id = requestId(undefined);
  const problem = PARSER_PROBLEMS[error.code ?? ''] ?? NOT_HTTP;
  const body = JSON.stringify(problem.body(id));
  const headers = {
    ...SECURITY_HEADERS,
    'x-request-id': id,
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.getStatus()} ${problem.body(id).title}\r\n${lines.join('')}\r\n${body}`);
}

/**
 * Whether the request that the parser gave up on, in its body, has been answered already: a second answer would be taken for that to the
 * next request. Node's own handler looks at the same field.
 */
function isAnswered(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent ?? false;
}
