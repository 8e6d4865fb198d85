import { afterAnswers } from './after-answers.js';

/** Of what a sign of life was. */
export type Heard = 'question' | 'answer';

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
  #waitMs = 0;
  #cancel: (() => void) | undefined;

  constructor(
    private readonly limits: PatienceLimits,
    private readonly giveUp: () => void,
  ) {}

  /** A question was sent, on which the source itself may wait for so long, in ms. */
  begin(waitMs: number): void {
    const { silenceMs, longestMs, monotonic } = this.limits;
    this.#until = monotonic() + waitMs + longestMs;
    this.#waitMs = waitMs;
    this.#listen(waitMs + silenceMs);
  }

  /** A part of the answer came, or only what it took to put the question, on which the source may still wait. Does nothing once this is over. */
  heard(of: Heard = 'answer'): void {
    if (this.#cancel === undefined) return;
    const { silenceMs, monotonic } = this.limits;
    const silence = of === 'question' ? this.#waitMs + silenceMs : silenceMs;
    this.#listen(Math.max(0, Math.min(silence, this.#until - monotonic())));
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
