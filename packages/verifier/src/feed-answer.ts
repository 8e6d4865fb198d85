import type { JsonReader } from './http-json.js';

const BEGINNING = '{"events":[';
/** Between two events. Within a string its first quotation mark would be escaped, and after one that ends a string there is no name. */
const BETWEEN = '},{"kind":"';
/** Characters parsed in one go, at least: a millisecond's work. */
const PIECE = 100_000;

/**
 * Parses an answer of the feed while it comes, a piece at a time: to parse a window of a million events in one go would hold up the service that loads it
 * for seconds. An answer that is written otherwise than the issuer writes it is parsed at its end.
 */
export class FeedAnswerReader implements JsonReader {
  readonly #events: unknown[] = [];
  #rest = '';

  push(text: string): void {
    this.#rest += text;
    if (this.#rest.length > PIECE && this.#rest.startsWith(BEGINNING)) this.#parseWhole();
  }

  /** @throws SyntaxError */
  end(): unknown {
    const answer = JSON.parse(this.#rest) as unknown;
    if (this.#events.length === 0) return answer;
    const { events, ...rest } = answer as { events: unknown[] };
    for (const event of events) this.#events.push(event);
    return { ...rest, events: this.#events };
  }

  /** The events that are whole; what follows them stays, as an answer with fewer. */
  #parseWhole(): void {
    const end = this.#rest.lastIndexOf(BETWEEN);
    if (end < 0) return;
    const events = JSON.parse(`[${this.#rest.slice(BEGINNING.length, end + 1)}]`) as unknown[];
    for (const event of events) this.#events.push(event);
    this.#rest = BEGINNING + this.#rest.slice(end + 2);
  }
}
