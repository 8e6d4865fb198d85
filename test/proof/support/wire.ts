import { connect } from 'node:net';

/** A request as it goes over the wire: nothing is escaped, added or put right. */
export interface WireRequest {
  method: string;
  /** Path and query, as bytes in latin1. */
  target: string;
  /** Values in latin1. */
  headers: [string, string][];
  body?: Buffer;
}

export interface WireAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  headers: Record<string, string>;
  body: string;
  /** From the connection to the end of the answer. */
  ms: number;
}

/** How long an answer may take before it counts as none: more than any limit of the service itself. */
const PATIENCE_MS = 30_000;

/**
 * Sends one request over a connection of its own.
 *
 * @throws Error when there is neither an answer nor the end of the connection in time
 */
export function exchange(url: string, request: WireRequest): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const since = performance.now();
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(headOf(request));
      if (request.body) socket.write(request.body);
    });
    const finish = (): void => {
      socket.destroy();
      resolve({ ...answerIn(Buffer.concat(chunks)), ms: performance.now() - since });
    };
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy();
      reject(new Error(`no answer in ${PATIENCE_MS} ms to ${describeRequest(request)}`));
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', finish);
    // The service may close while an oversized request is still being sent.
    socket.on('error', finish);
  });
}

/** For the message of a failure: enough to send it again. */
export function describeRequest({ method, target, headers, body }: WireRequest): string {
  const lines = headers.map(([name, value]) => (/^authorization$/i.test(name) ? `${name}: …` : `${name}: ${value}`));
  const text = body?.toString('latin1') ?? '';
  const sent = text.length > 2000 ? `${text.slice(0, 2000)}… (${text.length} bytes)` : text;
  return `${method} ${target.slice(0, 600)}\n${lines.join('\n').slice(0, 1500)}\n\n${sent}`;
}

function headOf({ method, target, headers, body }: WireRequest): Buffer {
  const has = (name: string): boolean => headers.some(([given]) => given.toLowerCase() === name);
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (!has('host')) lines.push('Host: localhost');
  if (!has('connection')) lines.push('Connection: close');
  if (body && !has('content-length') && !has('transfer-encoding')) lines.push(`Content-Length: ${body.length}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function answerIn(received: Buffer): Omit<WireAnswer, 'ms'> {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, body: '' };
  const [statusLine = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0);
  const rest = received.subarray(end + 4);
  // What came first was only leave to go on.
  if (status === 100) return answerIn(rest);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(rest) : rest;
  return { status, headers, body: body.toString('utf8') };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    if (lineEnd < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
