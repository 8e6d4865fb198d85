import type { Clock } from '../common/clock.js';
import { Problem, unavailable } from '../common/problem.js';

/** Until something has been measured: about what one argon2id hash with the default parameters takes, in ms. */
const FIRST_GUESS = 50;
/** The weight of the newest duration in the average. */
const WEIGHT = 0.1;

/**
 * Runs at most `concurrency` pieces of work at once and lets at most `capacity` wait, first come, first served. Each hash takes a core and
 * tens of MiB: without a limit a storm of logins would exhaust the memory and leave no thread for signing.
 */
export class HashQueue {
  private running = 0;
  private averageMs = FIRST_GUESS;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly concurrency: number,
    private readonly capacity: number,
    private readonly clock: Clock,
  ) {}

  /**
   * @param signal gives up the place in the queue, as when the client is gone (`request.signal`); work that has begun is finished
   * @throws Problem 503 when the queue is full, with the time until it is expected to have drained; 408 on the signal
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw wentAway();
    if (this.running < this.concurrency) this.running++;
    else await this.turn(signal);
    const startedAt = this.clock.monotonic();
    try {
      return await work();
    } finally {
      this.averageMs += WEIGHT * (this.clock.monotonic() - startedAt - this.averageMs);
      this.passOn();
    }
  }

  /**
   * For work that has something to do before: whoever would be turned away then should be at once, or a flood would be served up to here.
   *
   * @throws Problem 503 when nobody may run or wait any more
   */
  requireRoom(): void {
    if (this.running < this.concurrency || this.waiting.size < this.capacity) return;
    throw unavailable('Too many passwords are being checked right now.', this.secondsUntilDrained());
  }

  /** Resolves when the place of somebody who has finished is handed over. */
  private async turn(signal: AbortSignal | undefined): Promise<void> {
    this.requireRoom();
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.delete(enter);
        reject(wentAway());
      };
      this.waiting.add(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  private passOn(): void {
    const [next] = this.waiting;
    if (!next) {
      this.running--;
      return;
    }
    this.waiting.delete(next);
    next();
  }

  private secondsUntilDrained(): number {
    const rounds = 1 + this.waiting.size / this.concurrency;
    return (this.averageMs * rounds) / 1000;
  }
}

const wentAway = (): Problem => new Problem(408, 'request_timeout', 'The client went away.');
