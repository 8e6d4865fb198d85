import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What a network or a proxy may do. `silent`: connections are taken, and nothing is ever said on them; `half open`: those that there are say nothing more,
 * new ones are well. What is done to answers is done to those of the feed; `slow` to all.
 */
export type ProxyFault =
  | 'none'
  | 'dropped'
  | 'silent'
  | 'half open'
  | 'slow'
  | 'cut in the middle'
  | 'bad gateway'
  | 'a page'
  | 'garbage'
  | 'replay';

/** How much later a slow answer comes, in ms. */
export const SLOW_MS = 3_000;

const FEED = '/v1/validity/events';

/** With 200, and all but one of them JSON. */
const GARBAGE = [
  'null',
  '[]',
  '{}',
  '{"events":[]}',
  '{"events":[],"seq":9007199254740991,"floor":0,"keepSeconds":86400,"keepAccessSeconds":86400,"now":0,"waitedMs":0}',
  '{"events":[],"seq":"1","floor":-1}',
  '{"events":[{"kind":"user"',
];

interface Stored {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Stands between a service and its followers, and does what it is told to. */
export class FaultyProxy {
  private fault: ProxyFault = 'none';
  private readonly sockets = new Set<Socket>();
  /** On these nothing will ever be said again. */
  private readonly silenced = new Set<Socket>();
  /** The feed's last good answer, as a cache keeps it that believes no header and looks at no query. */
  private kept: Stored | undefined;
  private garbage = 0;
  private readonly server: Server;

  private constructor(public target: string) {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch(() => response.destroy());
    });
    this.server.on('connection', (socket) => {
      if (this.fault === 'dropped') {
        socket.destroy();
        return;
      }
      this.sockets.add(socket);
      if (this.fault === 'silent') this.silenced.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        this.silenced.delete(socket);
      });
    });
  }

  static async open(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  become(fault: ProxyFault): void {
    this.fault = fault;
    for (const socket of this.sockets) {
      if (fault === 'dropped') socket.destroy();
      if (fault === 'silent' || fault === 'half open') this.silenced.add(socket);
    }
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { fault } = this;
    const isFeed = request.url?.startsWith(FEED) === true;
    const replayed = isFeed && fault === 'replay' ? this.kept : undefined;
    const answer = replayed ?? (await this.forward(request, response));
    if (isFeed && answer.status === 200) this.kept = answer;
    // What it does by now decides.
    if (this.fault === 'slow') await delay(SLOW_MS);
    if (request.socket.destroyed || this.silenced.has(request.socket)) return;
    if (isFeed) this.spoil(answer, response);
    else response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  private spoil({ status, headers, body }: Stored, response: ServerResponse): void {
    switch (this.fault) {
      case 'cut in the middle':
        response.writeHead(status, { ...headers, 'content-length': String(body.length) });
        response.write(body.subarray(0, body.length / 2), () => response.destroy());
        break;
      case 'bad gateway':
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>502 Bad Gateway</h1>');
        break;
      case 'a page':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in to this network</h1>');
        break;
      case 'garbage':
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(GARBAGE[this.garbage++ % GARBAGE.length] ?? '');
        break;
      default:
        response.writeHead(status, headers).end(body);
    }
  }

  /** The service's answer, once it is whole. */
  private forward(request: IncomingMessage, response: ServerResponse): Promise<Stored> {
    return new Promise((resolve, reject) => {
      const { method, headers, url = '' } = request;
      const onward = forward(`${this.target}${url}`, { method, headers }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const { 'content-type': type = '' } = answer.headers;
          resolve({ status: answer.statusCode ?? 502, headers: { 'content-type': type }, body: Buffer.concat(parts) });
        });
      });
      onward.on('error', reject);
      response.on('close', () => onward.destroy());
      request.pipe(onward);
    });
  }
}
