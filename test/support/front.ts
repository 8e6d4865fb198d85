import { once } from 'node:events';
import { createServer, request as forward, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of a test's own, on a free port of the loopback address. */
export class LocalServer {
  private constructor(private readonly server: Server) {}

  static async listen(listener: RequestListener): Promise<LocalServer> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LocalServer(server);
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

/**
 * What stands before the service where it runs: its address is known before the service starts, and so can be its issuer. With a path, that is
 * taken off, but for addresses of well-known things, which lie before it.
 */
export class Front {
  target: string | null = null;

  private constructor(
    private readonly path: string,
    private readonly server: LocalServer,
  ) {}

  static async open(path = ''): Promise<Front> {
    const listener: RequestListener = (request, response) => {
      const url = request.url ?? '';
      const address = url.startsWith(`${path}/`) ? url.slice(path.length) : url;
      const { method, headers } = request;
      const onward = forward(`${front.target ?? ''}${address}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    };
    const front = new Front(path, await LocalServer.listen(listener));
    return front;
  }

  /** Of the service, as its clients know it. */
  get issuer(): string {
    return `${this.server.url}${this.path}`;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
