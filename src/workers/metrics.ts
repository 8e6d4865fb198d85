import type { Metrics } from '../common/metrics.js';
import { unavailable } from '../common/problem.js';
import { mergeMetrics, type WorkerMetrics } from './metrics-text.js';

/** Milliseconds that workers get to say theirs; who does not is left out. */
const PATIENCE = 1_000;

/** Between workers and their primary: the metrics of one, of all, and the wish for either. */
export type MetricsMessage =
  | { about: 'metrics'; wanted: 'own' | 'all'; id: number }
  | { about: 'metrics'; of: 'own' | 'all'; id: number; text: string };

export function isMetricsMessage(message: unknown): message is MetricsMessage {
  return typeof message === 'object' && message !== null && 'about' in message && message.about === 'metrics';
}

/** In a worker: whoever asks it hears what all workers say, and it says its own when asked by the primary. */
export function shareMetrics(metrics: Metrics): void {
  const waiting = new Map<number, (text: string) => void>();
  let asked = 0;
  process.on('message', (message: unknown) => {
    if (!isMetricsMessage(message)) return;
    const { id } = message;
    if ('text' in message) waiting.get(id)?.(message.text);
    else void metrics.read().then((text) => send({ about: 'metrics', of: 'own', id, text }));
  });
  metrics.speakForAll(async () => {
    const id = ++asked;
    try {
      return await new Promise<string>((resolve, reject) => {
        waiting.set(id, resolve);
        setTimeout(() => {
          reject(unavailable('The metrics cannot be collected right now.'));
        }, 2 * PATIENCE).unref();
        send({ about: 'metrics', wanted: 'all', id });
      });
    } finally {
      waiting.delete(id);
    }
  });
}

function send(message: MetricsMessage): void {
  process.send?.(message);
}

/** A worker, as far as its metrics go. */
export interface Reporter {
  /** What its samples are labelled with. */
  readonly worker: string;
  send(message: MetricsMessage): void;
}

interface Question {
  readonly heard: WorkerMetrics[];
  readonly missing: Set<Reporter>;
  finish(): void;
}

/** In the primary: asks all workers when one of them is asked. */
export class MetricsExchange {
  private readonly questions = new Map<number, Question>();
  private asked = 0;

  /**
   * @param reporters those who can answer now
   * @param own what the primary has to say, in the Prometheus text format
   */
  constructor(
    private readonly reporters: () => Reporter[],
    private readonly own: () => string,
  ) {}

  receive(from: Reporter, message: MetricsMessage): void {
    if ('text' in message) this.hear(from, message.id, message.text);
    else this.ask(from, message.id);
  }

  /** @param id by which the asker knows its question */
  private ask(asker: Reporter, id: number): void {
    const number = ++this.asked;
    const heard: WorkerMetrics[] = [];
    const missing = new Set(this.reporters());
    const finish = (): void => {
      clearTimeout(timer);
      this.questions.delete(number);
      heard.sort((a, b) => Number(a.worker) - Number(b.worker));
      asker.send({ about: 'metrics', of: 'all', id, text: `${mergeMetrics(heard)}${this.own()}` });
    };
    const timer = setTimeout(finish, PATIENCE);
    this.questions.set(number, { heard, missing, finish });
    for (const reporter of missing) reporter.send({ about: 'metrics', wanted: 'own', id: number });
  }

  private hear(from: Reporter, number: number, text: string): void {
    const question = this.questions.get(number);
    if (!question?.missing.delete(from)) return;
    question.heard.push({ worker: from.worker, text });
    if (question.missing.size === 0) question.finish();
  }
}
