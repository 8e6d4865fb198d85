import { setImmediate as turn } from 'node:timers/promises';
import type { ValidityEvent } from '@portcullis/verifier';
import { encodeEvent } from './feed-encoding.js';

/** Events encoded in one go: about 3 ms. */
const CHUNK = 2_000;

/**
 * The whole window as it was at `seq`, or later, encoded once for all who read it: also for those who begin while it is being encoded. It is taken as far
 * as the fastest of them has read, a little at a time, so that other requests go on meanwhile.
 */
export class FeedSnapshot {
  readonly #events: Iterator<ValidityEvent>;
  readonly #chunks: string[] = [];
  #taking: Promise<void> | undefined;
  #whole = false;

  /**
   * @param events of the window. What changes while they are read need not be among them: it is newer than `seq`
   * @param onEncoded told of how many were encoded
   */
  constructor(
    readonly seq: number,
    events: Iterable<ValidityEvent>,
    private readonly onEncoded: (events: number) => void,
  ) {
    this.#events = events[Symbol.iterator]();
  }

  /** Events as JSON, separated by commas. None is empty. */
  async *parts(): AsyncGenerator<string, void, undefined> {
    for (let n = 0; ; n++) {
      while (n >= this.#chunks.length && !this.#whole) {
        this.#taking ??= this.#take().finally(() => {
          this.#taking = undefined;
        });
        await this.#taking;
      }
      const chunk = this.#chunks[n];
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async #take(): Promise<void> {
    const chunk: string[] = [];
    while (chunk.length < CHUNK) {
      const next = this.#events.next();
      if (next.done === true) {
        this.#whole = true;
        break;
      }
      if (next.value.seq <= this.seq) chunk.push(encodeEvent(next.value));
    }
    if (chunk.length > 0) this.#chunks.push(chunk.join(','));
    this.onEncoded(chunk.length);
    await turn();
  }
}
