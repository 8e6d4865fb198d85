import { once } from 'node:events';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDeflate, createGzip } from 'node:zlib';

/** Those for which Node's `fetch` asks over plain HTTP. */
export type Encoding = 'gzip' | 'deflate';

const COMPRESSORS = { gzip: createGzip, deflate: createDeflate };

/** Stands before the service and compresses every answer, where the client says that it understands that. */
export class CompressingProxy {
  /** Answers that were compressed, and their size before and after (bytes). */
  answers = 0;
  before = 0;
  after = 0;

  private constructor(private readonly server: Server) {}

  static async open(target: string, encoding: Encoding): Promise<CompressingProxy> {
    const server = createServer((request, response) => {
      const { method, headers, url = '' } = request;
      const onward = forward(`${target}${url}`, { method, headers }, (answer) => {
        const its = { ...answer.headers };
        delete its['content-length'];
        const understood = headers['accept-encoding']?.includes(encoding) === true;
        if (!understood) {
          response.writeHead(answer.statusCode ?? 502, its);
          answer.pipe(response);
          return;
        }
        proxy.answers++;
        response.writeHead(answer.statusCode ?? 502, { ...its, 'content-encoding': encoding });
        const compressor = COMPRESSORS[encoding]();
        answer.on('data', (part: Buffer) => (proxy.before += part.length));
        compressor.on('data', (part: Buffer) => (proxy.after += part.length));
        answer.pipe(compressor).pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      request.pipe(onward);
    });
    const proxy = new CompressingProxy(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
