import { discover, type IssuerMetadata } from './issuer-metadata.js';

/** Within it whoever asks has an answer or none, however many addresses there are; in ms. */
const DEADLINE_MS = 2_000;

/** The issuer, by whichever of its addresses answers. */
export class IssuerAccess {
  readonly #metadata = new Map<string, IssuerMetadata>();
  #preferred = 0;

  constructor(
    private readonly issuer: string,
    private readonly urls: readonly string[],
    private readonly deadlineMs = DEADLINE_MS,
  ) {}

  /**
   * Puts a question to the address that answered last; to the next when it fails, and so on, each once, and all within the deadline.
   *
   * @param question given up when its signal aborts
   * @throws what the last of them failed with
   */
  async ask<T>(question: (metadata: IssuerMetadata, signal: AbortSignal) => Promise<T>): Promise<T> {
    const until = performance.now() + this.deadlineMs;
    const first = this.#preferred;
    for (let left = this.urls.length; ; left--) {
      const index = (first + this.urls.length - left) % this.urls.length;
      const url = this.urls[index] ?? this.issuer;
      // Each gets its share of the time that is left, so that one which is silent does not cost the others theirs.
      const signal = AbortSignal.timeout(Math.max(1, Math.ceil((until - performance.now()) / left)));
      try {
        const metadata = this.#metadata.get(url) ?? (await discover(this.issuer, url, signal));
        this.#metadata.set(url, metadata);
        const answer = await question(metadata, signal);
        this.#preferred = index;
        return answer;
      } catch (error) {
        // Where it answers, but otherwise than it should, it perhaps lives elsewhere by now.
        if (!signal.aborted) this.#metadata.delete(url);
        if (left === 1) throw error;
      }
    }
  }
}
