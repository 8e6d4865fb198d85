import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { MetricsExchange, isMetricsMessage, type MetricsMessage, type Reporter } from './metrics.js';
import { SHORT_LIFE, afterEnding, recentEndings, type Ending } from './restarts.js';

/** What a worker tells its primary once it listens. */
export interface ServingMessage {
  about: 'serving';
  url: string;
}

export interface CrewOptions {
  /** How many. */
  readonly workers: number;
  /** The environment of one of them, over that of this process. */
  readonly environment: (worker: number) => Record<string, string>;
  readonly logger: Logger;
  /** Called when workers end again and again and none works. */
  readonly giveUp: (error: Error) => void;
}

/** One place in the crew, and who has it now. */
interface Member extends Reporter {
  readonly place: number;
  readonly process: Worker;
  /** On the monotonic clock, in ms; null until it listens. */
  servingSince: number | null;
}

/** The processes that serve: forked, replaced when they end, and told to end. */
export class WorkerCrew {
  private readonly members = new Map<number, Member>();
  private readonly metrics: MetricsExchange;
  private readonly pauses = new Set<NodeJS.Timeout>();
  private endings: Ending[] = [];
  private replacements = 0;
  private stopping = false;
  private ended: () => void = () => undefined;
  private onServing: (member: Member, url: string) => void = () => undefined;
  private onEnding: (member: Member, how: string) => void = (member, how) => {
    this.replace(member, how);
  };

  constructor(private readonly options: CrewOptions) {
    this.metrics = new MetricsExchange(
      () => this.serving(),
      () => this.ownMetrics(),
    );
  }

  /**
   * Forks all, and waits until they listen.
   *
   * @returns where, for people on this machine
   * @throws Error with a message for the operator when one ends before that
   */
  async start(): Promise<string> {
    const replace = this.onEnding;
    const url = await new Promise<string>((resolve, reject) => {
      this.onServing = (_, where) => {
        if (this.serving().length === this.options.workers) resolve(where);
      };
      this.onEnding = (_, how) => {
        reject(new Error(`A worker ended before it could serve (${how}).`));
      };
      for (let place = 0; place < this.options.workers; place++) this.fork(place);
    });
    this.onServing = ({ process }) => {
      this.options.logger.info({ worker: process.id }, 'a worker serves in the place of another');
    };
    this.onEnding = replace;
    return url;
  }

  /**
   * Tells all to answer what they have and end, and waits for that.
   *
   * @param patience ms, after which those that are left are killed
   */
  async stop(patience: number): Promise<void> {
    this.stopping = true;
    for (const pause of this.pauses) clearTimeout(pause);
    if (this.members.size === 0) return;
    const ended = new Promise<void>((resolve) => (this.ended = resolve));
    this.signal('SIGTERM');
    const timer = setTimeout(() => {
      this.signal('SIGKILL');
    }, patience);
    await ended;
    clearTimeout(timer);
  }

  private serving(): Member[] {
    return [...this.members.values()].filter(({ servingSince }) => servingSince !== null);
  }

  private signal(signal: NodeJS.Signals): void {
    for (const { process } of this.members.values()) process.process.kill(signal);
  }

  private fork(place: number): void {
    const process = cluster.fork(this.options.environment(place));
    const member: Member = {
      place,
      process,
      worker: String(process.id),
      servingSince: null,
      send: (message: MetricsMessage) => {
        if (process.isConnected()) process.send(message);
      },
    };
    this.members.set(place, member);
    process.on('message', (message: unknown) => {
      if (isMetricsMessage(message)) this.metrics.receive(member, message);
      else if (isServing(message)) {
        member.servingSince = performance.now();
        this.onServing(member, message.url);
      }
    });
    // What cannot be sent to a worker that is going is of no use to it; that it has gone is known from its exit.
    process.on('error', () => undefined);
    process.once('exit', (code, signal: string | null) => {
      this.members.delete(place);
      if (!this.stopping) this.onEnding(member, signal ?? `status ${code}`);
      else if (this.members.size === 0) this.ended();
    });
  }

  private replace({ place, process, servingSince }: Member, how: string): void {
    const { logger, giveUp } = this.options;
    const now = performance.now();
    this.endings = [...recentEndings(this.endings, now), { at: now, served: now - (servingSince ?? now) }];
    const othersWork = this.serving().some((other) => now - (other.servingSince ?? now) >= SHORT_LIFE);
    const next = afterEnding(this.endings, now, othersWork);
    if (next.kind === 'give up') {
      giveUp(new Error(`Workers end as soon as they have started, the last one with ${how}: see the log.`));
      return;
    }
    logger.error({ worker: process.id, how, afterMs: next.afterMs }, 'a worker ended; another takes its place');
    const pause = setTimeout(() => {
      this.pauses.delete(pause);
      this.replacements++;
      this.fork(place);
    }, next.afterMs);
    this.pauses.add(pause);
  }

  private ownMetrics(): string {
    return `
# HELP portcullis_workers Workers that serve
# TYPE portcullis_workers gauge
portcullis_workers ${this.serving().length}

# HELP portcullis_worker_replacements_total Workers that took the place of one that had ended
# TYPE portcullis_worker_replacements_total counter
portcullis_worker_replacements_total ${this.replacements}
`;
  }
}

function isServing(message: unknown): message is ServingMessage {
  return typeof message === 'object' && message !== null && 'about' in message && message.about === 'serving';
}
