import { connect, type Socket } from 'node:net';

export interface Reply {
  status: number;
  /** Status line and headers, as they came. */
  head: string;
  body: string;
}

/** The service closed a connection on which an answer was due. */
export class ConnectionLost extends Error {}

/** One HTTP/1.1 connection for one request after the other. It does little with an answer, so that what is measured is the service. */
export class HttpConnection {
  private received = '';
  private answered: ((reply: Reply) => void) | undefined;
  private failed: (error: Error) => void = () => undefined;
  private over = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').setNoDelay();
    socket.on('data', (part: string) => this.take(part));
    socket.on('close', () => this.lose('it closed the connection'));
    socket.on('error', (error) => this.lose(error.message));
  }

  static open(url: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new HttpConnection(socket)));
      socket.once('error', reject);
    });
  }

  /** Whether the service has closed it. */
  get closed(): boolean {
    return this.over;
  }

  /**
   * @param request as `requestText` makes it
   * @throws ConnectionLost when the connection ends before the answer
   */
  send(request: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.answered) throw new Error('a request is under way');
      if (this.over) throw new ConnectionLost('it had closed the connection');
      this.answered = resolve;
      this.failed = reject;
      this.socket.write(request, 'latin1');
    });
  }

  /** At once, whatever is under way. */
  close(): void {
    this.socket.destroy();
  }

  private take(part: string): void {
    this.received += part;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.received.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.received.length < end + 4 + length) return;
    const body = this.received.slice(end + 4);
    this.received = '';
    const { answered } = this;
    this.answered = undefined;
    answered?.({ status: Number(head.slice(9, 12)), head, body });
  }

  private lose(reason: string): void {
    this.over = true;
    if (!this.answered) return;
    this.answered = undefined;
    this.failed(new ConnectionLost(reason));
  }
}

export interface RequestParts {
  token?: string;
  /** Sent as JSON. */
  body?: object;
  headers?: Record<string, string>;
}

/** A request as it goes over the wire, in latin1. */
export function requestText(method: string, path: string, { token, body, headers = {} }: RequestParts = {}): string {
  const json = body && Buffer.from(JSON.stringify(body)).toString('latin1');
  const all = {
    host: 'proof',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(json !== undefined && { 'content-type': 'application/json', 'content-length': String(json.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${json ?? ''}`;
}

export function headerOf({ head }: Reply, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`, 'i').exec(head)?.[1];
}
