import type { CatchUp } from './events.js';

/** Both in ms. */
export interface Clocks {
  /** Only goes forward, and may stand still while the machine is suspended (as CLOCK_MONOTONIC of Linux does). */
  readonly monotonic: () => number;
  /** The time of day, since 1970: it goes on while the machine is suspended, but may be set. */
  readonly wall: () => number;
}

/** What both clocks showed at one moment. */
export interface Reading {
  readonly at: number;
  /** By how much the time of day is ahead of the monotonic clock. */
  readonly ahead: number;
}

/** By so much (ms) the time of day may get ahead of the monotonic clock before it is taken for a machine that was suspended. */
export const LONGEST_NAP = 1_000;

/**
 * As of when the window is known to show the truth, and the clock of the truth. Times are in ms.
 *
 * After a suspension the monotonic clock calls old knowledge young. When the time of day has got ahead of it since the question was sent whose answer is
 * known, nothing is fresh before the next answer: either the machine was suspended, or somebody set the time, which costs a question.
 */
export class Freshness {
  readonly #clocks: Clocks;
  #asOf: number | undefined;
  #sent: Reading | undefined;
  #truth: { now: number; at: number } | undefined;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
  }

  /** On the monotonic clock; undefined before the first answer. */
  get asOf(): number | undefined {
    return this.#asOf;
  }

  /** How old what is known is, with the time in which the machine was suspended; undefined before the first answer. */
  get age(): number | undefined {
    const { at, ahead } = this.reading();
    return this.#asOf === undefined ? undefined : at - this.#asOf + gained(ahead, this.#sent);
  }

  /** Whether the truth is known as it was at `moment`, on the monotonic clock, or after. */
  reaches(moment: number): boolean {
    return this.#asOf !== undefined && this.#asOf >= moment && gained(this.reading().ahead, this.#sent) === 0;
  }

  /** To be taken when a question is sent. */
  reading(): Reading {
    const at = this.#clocks.monotonic();
    return { at, ahead: this.#clocks.wall() - at };
  }

  /**
   * The time of day by the clock of the truth, since 1970, as of its last answer; by this machine's clock when the source does not tell. It may be
   * ahead by as long as that answer was under way, but behind by no more than `LONGEST_NAP`.
   */
  now(): number {
    if (this.#truth === undefined) return this.#clocks.wall();
    const { at, ahead } = this.reading();
    return this.#truth.now + (at - this.#truth.at) + gained(ahead, this.#sent);
  }

  /** The window has taken over the answer to a question that was sent at `sent`. */
  note({ waitedMs = 0, now }: CatchUp, sent: Reading): void {
    // The question was sent before it was received, so the truth was read no earlier than this. The answer may have lain here while the machine was suspended.
    const { at, ahead } = this.reading();
    const readAt = gained(ahead, sent) > 0 ? sent.at : Math.min(sent.at + waitedMs, at);
    // One that was overtaken proves less than is known.
    if (readAt < (this.#asOf ?? readAt)) return;
    this.#asOf = readAt;
    this.#sent = sent;
    if (now !== undefined) this.#truth = { now, at: readAt };
  }
}

/** In ms; 0 for what may as well be the clocks' own inaccuracy, and where the time of day was set back. */
function gained(ahead: number, since: Reading | undefined): number {
  const gain = since === undefined ? 0 : ahead - since.ahead;
  return gain > LONGEST_NAP ? gain : 0;
}
