import { connect, type Socket } from 'node:net';

/** One connection, byte by byte: for requests that no proper client would send. */
export class RawConnection {
  private received = '';
  private ended = false;
  private wake: () => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.received += chunk;
      this.wake();
    });
    const end = (): void => {
      this.ended = true;
      this.wake();
    };
    socket.on('close', end);
    // Being cut off is what some tests are about.
    socket.on('error', end);
  }

  static open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Waits until the text received so far matches, or the service closes the connection. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received) && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received;
  }

  /** Everything received until the service closed the connection. */
  untilClosed(): Promise<string> {
    return this.until(/(?!)/);
  }

  close(): void {
    this.socket.destroy();
  }
}
