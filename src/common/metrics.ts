import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

/**
 * What `GET /metrics` tells. Each application has a registry of its own, so that several can run in one process. A room makes its metrics
 * once, in its constructor. Labels must come from a small fixed set: never an id, a name or a path that a client chose.
 */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly sources: (() => string)[] = [];
  private ofAll: (() => Promise<string>) | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** `read` is asked whenever the metrics are. */
  gauge(name: string, help: string, read: () => number): void {
    const registers = [this.registry];
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** For metrics that are counted without prom-client, where each nanosecond matters: `read` returns them in the Prometheus text format. */
  add(read: () => string): void {
    this.sources.push(read);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Where several processes serve one port: how to learn what all of them say, since whoever asks reaches one. */
  speakForAll(read: () => Promise<string>): void {
    this.ofAll = read;
  }

  /** Everything that the service says, in the Prometheus text format. */
  readAll(): Promise<string> {
    return this.ofAll?.() ?? this.read();
  }

  /** Everything that this process says, in the Prometheus text format. */
  async read(): Promise<string> {
    const own = await this.registry.metrics();
    return [own, ...this.sources.map((read) => read())].join('');
  }
}
