import { StaleWindowError } from './errors.js';
import type { Introspection } from './introspection.js';

/** So many questions are under way at most: the issuer is asked just when it is ill. */
const MOST_UNDER_WAY = 100;

interface Flight {
  /** On the monotonic clock, in ms. */
  readonly sentAt: number;
  readonly answer: Promise<Introspection>;
}

/** Asks about tokens, about each in one question at a time that all share who may. No answer is remembered. */
export class Introspections {
  readonly #underWay = new Map<string, Flight>();
  readonly #ask: (token: string) => Promise<Introspection>;
  readonly #monotonic: () => number;

  /** @param monotonic a clock that only goes forward, in ms */
  constructor(ask: (token: string) => Promise<Introspection>, monotonic: () => number) {
    this.#ask = ask;
    this.#monotonic = monotonic;
  }

  /**
   * What the issuer says of the token, in answer to a question that was sent at `notBefore` (ms, monotonic) or after.
   *
   * @throws StaleWindowError when too many questions are under way; what the question failed with
   */
  async about(token: string, notBefore: number): Promise<Introspection> {
    for (;;) {
      const flight = this.#underWay.get(token);
      if (flight === undefined) return this.#send(token).answer;
      if (flight.sentAt >= notBefore) return flight.answer;
      // Sent too early for this one. Whoever comes first after it asks for all who wait, unless it shows that nobody answers.
      await flight.answer;
    }
  }

  #send(token: string): Flight {
    if (this.#underWay.size >= MOST_UNDER_WAY) throw new StaleWindowError('too many introspections are under way');
    const sentAt = this.#monotonic();
    const answer = this.#ask(token).finally(() => this.#underWay.delete(token));
    const flight = { sentAt, answer };
    this.#underWay.set(token, flight);
    return flight;
  }
}
