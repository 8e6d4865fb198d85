import type { CatchUp } from './events.js';

/** As of when the window is known to show the truth, and the clock of the truth. Times are in ms. */
export class Freshness {
  #asOf: number | undefined;
  #truth: { now: number; at: number } | undefined;

  /** @param monotonic a clock that only goes forward */
  constructor(private readonly monotonic: () => number) {}

  /** On the monotonic clock; undefined before the first answer. */
  get asOf(): number | undefined {
    return this.#asOf;
  }

  /**
   * The time of day by the clock of the truth, since 1970, as of its last answer; by this machine's clock when the source does not tell. It may be
   * ahead by as long as that answer was under way, but not behind.
   */
  now(): number {
    return this.#truth === undefined ? Date.now() : this.#truth.now + (this.monotonic() - this.#truth.at);
  }

  /** The window has taken over the answer to a question that was sent at `sentAt`. */
  note({ waitedMs = 0, now }: CatchUp, sentAt: number): void {
    // The question was sent before it was received, so the truth was read no earlier than this.
    const readAt = Math.min(sentAt + waitedMs, this.monotonic());
    this.#asOf = Math.max(readAt, this.#asOf ?? readAt);
    if (now !== undefined) this.#truth = { now, at: readAt };
  }
}
