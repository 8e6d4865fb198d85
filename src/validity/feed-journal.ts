import type { CatchUp, ValidityEvent } from '@portcullis/verifier';

/** Most events remembered. Who is further behind than these gets the whole window. */
const LIMIT = 100_000;

/**
 * The events of the last while in the order in which they came, so that whoever follows closely is answered without a search through the whole
 * window.
 */
export class FeedJournal {
  /** Sorted by seq. */
  #events: ValidityEvent[] = [];
  #position = -1;
  /** All events after this are here. */
  #from = Infinity;

  constructor(private readonly limit = LIMIT) {}

  /** Takes note of an answer of the truth to the question for what followed `after`. */
  note(answer: CatchUp, after: number): void {
    const events = answer.events.toSorted((a, b) => a.seq - b.seq);
    if (after === 0) {
      // The whole window: all that happened since its floor and was not superseded.
      this.#events = events.slice(-this.limit);
      this.#from = Math.max(answer.floor, events.at(-this.limit - 1)?.seq ?? 0);
    } else if (after === this.#position) {
      for (const event of events) this.#events.push(event);
      const surplus = this.#events.length - this.limit;
      if (surplus > 0) this.#from = this.#events.splice(0, surplus).at(-1)?.seq ?? this.#from;
    } else {
      this.#events = [];
      this.#from = answer.seq;
    }
    this.#position = answer.seq;
  }

  /** Whether all events after `after` are remembered. */
  reaches(after: number): boolean {
    return after >= this.#from;
  }

  /** The events after `after`, oldest first; undefined when some of them are no longer remembered. */
  since(after: number): readonly ValidityEvent[] | undefined {
    if (!this.reaches(after)) return undefined;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.seq ?? Infinity) > after) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low);
  }
}
