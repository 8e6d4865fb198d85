import { afterAnswers } from './after-answers.js';

export interface PatienceLimits {
  /** How long nothing may be heard, in ms. */
  silenceMs: number;
  /** How long the whole answer may take, in ms. */
  longestMs: number;
  /** A clock that only goes forward, in ms. */
  monotonic: () => number;
}

/**
 * Gives up on an answer of which nothing is heard. While parts of it come it is waited for, since a whole window may be large; a connection on which
 * nobody answers is given up soon, however often that happened before.
 */
export class Patience {
  #until = -Infinity;
  #cancel: (() => void) | undefined;

  constructor(
    private readonly limits: PatienceLimits,
    private readonly giveUp: () => void,
  ) {}

  /** A question was sent, on which the source itself may wait for so long, in ms. */
  begin(waitMs: number): void {
    const { silenceMs, longestMs, monotonic } = this.limits;
    this.#until = monotonic() + waitMs + longestMs;
    this.#listen(waitMs + silenceMs);
  }

  /** A part of the answer came. Does nothing once this is over. */
  heard(): void {
    if (this.#cancel === undefined) return;
    const { silenceMs, monotonic } = this.limits;
    this.#listen(Math.max(0, Math.min(silenceMs, this.#until - monotonic())));
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #listen(ms: number): void {
    this.#cancel?.();
    this.#cancel = afterAnswers(ms, this.giveUp);
  }
}
