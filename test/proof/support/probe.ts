import { setTimeout as delay } from 'node:timers/promises';
import { HttpConnection, requestText } from './http-connection.js';
import { quantile, quantilesOf } from './statistics.js';

/** Asks the same again and again, as monitors do, until it is stopped. */
export class Probe {
  readonly times: number[] = [];
  readonly statuses: Record<number, number> = {};
  private stopped = false;
  private readonly running: Promise<void>;

  /**
   * @param request as `requestText` makes it
   * @param everyMs from an answer to the next request
   * @param connections `new`: each request opens one of its own, which counts as part of it
   */
  constructor(
    private readonly url: string,
    private readonly request: string,
    private readonly everyMs: number,
    private readonly connections: 'kept' | 'new' = 'kept',
  ) {
    this.running = this.run();
    // Whoever stops it is told.
    this.running.catch(() => undefined);
  }

  static live(url: string, connections: 'kept' | 'new'): Probe {
    return new Probe(url, requestText('GET', '/health/live'), 100, connections);
  }

  /** @throws ConnectionLost when a request was not answered */
  async stop(): Promise<this> {
    this.stopped = true;
    await this.running;
    return this;
  }

  get p50(): number {
    return quantile(this.times, 0.5);
  }

  get p99(): number {
    return quantile(this.times, 0.99);
  }

  describe(): string {
    return `${quantilesOf(this.times)}, ${JSON.stringify(this.statuses)}`;
  }

  private async run(): Promise<void> {
    let connection: HttpConnection | undefined;
    while (!this.stopped) {
      const since = performance.now();
      connection ??= await HttpConnection.open(this.url);
      const { status } = await connection.send(this.request);
      this.times.push(performance.now() - since);
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      if (this.connections === 'new') {
        connection.close();
        connection = undefined;
      }
      await delay(this.everyMs);
    }
    connection?.close();
  }
}
