import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  body: string;
}

/** Milliseconds. The service answers anything in a tenth of it, or says that it cannot. */
const PATIENCE = 30_000;

export class Unanswered extends Error {}

/** One HTTP/1.1 connection for one request after the other: far cheaper than `fetch`, so that what is measured or loaded is the service. */
export class KeepAlive {
  private received = '';
  /** Also between two requests, when there is nobody to tell. */
  private closed = false;
  private answer: ((answer: RawAnswer) => void) | undefined;
  private fail: (error: Error) => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').setNoDelay();
    socket.on('data', (part: string) => this.take(part));
    socket.on('close', () => {
      this.closed = true;
      this.fail(new Error('the service closed the connection'));
    });
    socket.on('error', (error) => this.fail(error));
    socket.setTimeout(PATIENCE, () => {
      if (this.answer !== undefined) socket.destroy(new Unanswered(`no answer in ${PATIENCE} ms`));
    });
  }

  static open(url: string): Promise<KeepAlive> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new KeepAlive(socket)));
      socket.once('error', reject);
    });
  }

  /** The status of the answer, once all of it has come. */
  async get(path: string, token: string): Promise<number> {
    const { status } = await this.send(`GET ${path} HTTP/1.1\r\nhost: proof\r\nauthorization: Bearer ${token}\r\n\r\n`);
    return status;
  }

  /** A form, by the credentials of a client (RFC 6749 section 2.3.1). */
  postForm(
    path: string,
    { clientId, clientSecret }: { clientId: string; clientSecret: string },
    form: string,
  ): Promise<RawAnswer> {
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const head = [`POST ${path} HTTP/1.1`, 'host: proof', `authorization: Basic ${basic}`];
    head.push('content-type: application/x-www-form-urlencoded', `content-length: ${form.length}`, '', form);
    return this.send(head.join('\r\n'));
  }

  close(): void {
    this.fail = () => undefined;
    this.socket.destroy();
  }

  private send(text: string): Promise<RawAnswer> {
    if (this.answer !== undefined) throw new Error('a request is under way');
    if (this.closed) return Promise.reject(new Error('the service has closed the connection'));
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
      this.socket.write(text);
    });
  }

  private take(part: string): void {
    this.received += part;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.received.slice(0, end);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.fail(new Error(`an answer without Content-Length: ${head}`));
      return;
    }
    if (this.received.length < end + 4 + Number(length)) return;
    const body = this.received.slice(end + 4);
    this.received = '';
    const { answer } = this;
    this.answer = undefined;
    answer?.({ status: Number(head.slice(9, 12)), body });
  }
}
