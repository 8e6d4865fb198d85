import type { ServerResponse } from 'node:http';
import { hashedKey, type ValidityEvent } from '../events.js';
import { ValidityWindow } from '../window.js';

export interface FeedQuestion {
  readonly after: number;
  readonly waitMs: number;
  readonly nonce: string | null;
  /** How the asking instance calls itself. */
  readonly subscriber: string;
}

/** A day. */
const KEEP = { keepSeconds: 86_400, keepAccessSeconds: 86_400 };
/** Nobody waits longer (ms) for a follower that does not come back. */
const LONGEST_CATCHING_UP = 1_000;

interface CatchingUp {
  readonly seq: number;
  readonly late: Set<string>;
  readonly resolve: () => void;
}

/** `GET /v1/validity/events` as the service answers it, from a window in memory. */
export class FakeFeed {
  readonly window = new ValidityWindow();
  /** How to answer those who wait for something to happen. */
  readonly #waiting = new Map<ServerResponse, () => void>();
  readonly #hanging = new Set<ServerResponse>();
  /** The newest question of each who follows. */
  readonly #followers = new Map<string, ServerResponse>();
  readonly #catchingUp = new Set<CatchingUp>();
  #cut: 'refuse' | 'hang' | undefined;

  /** @param now ms since 1970 */
  constructor(private readonly now: () => number) {
    this.window.apply({ ...KEEP, seq: this.#nextSeq(), floor: 0, events: [] }, 0);
  }

  /** All events of one change get one number, as those of one transaction do. */
  note(events: readonly Omit<ValidityEvent, 'seq'>[]): void {
    const seq = this.#nextSeq();
    const answer = { ...KEEP, seq, floor: 0, events: events.map((event) => ({ ...event, seq })) };
    this.window.apply(answer, this.window.seq);
    for (const answer of this.#waiting.values()) answer();
  }

  /** Resolves when all who follow have what there is now, as their next question shows. At once while the feed is cut. */
  async caughtUp(): Promise<void> {
    const { seq } = this.window;
    const late = new Set(this.#followers.keys());
    if (this.#cut !== undefined || late.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const subscriber of late) this.#gone(subscriber);
      }, LONGEST_CATCHING_UP);
      const catchingUp: CatchingUp = {
        seq,
        late,
        resolve: () => {
          clearTimeout(timer);
          this.#catchingUp.delete(catchingUp);
          resolve();
        },
      };
      this.#catchingUp.add(catchingUp);
    });
  }

  cut(how: 'refuse' | 'hang'): void {
    this.#cut = how;
    for (const response of this.#waiting.keys()) {
      if (how === 'hang') this.#hanging.add(response);
      else response.destroy();
    }
    this.#waiting.clear();
  }

  restore(): void {
    this.#cut = undefined;
    for (const response of this.#hanging) response.destroy();
  }

  answer(question: FeedQuestion, response: ServerResponse): void {
    const { subscriber, after, waitMs } = question;
    const receivedAt = performance.now();
    response.once('close', () => {
      this.#waiting.delete(response);
      this.#hanging.delete(response);
      if (!response.writableEnded && this.#followers.get(subscriber) === response) this.#gone(subscriber);
    });
    if (this.#cut === 'refuse') response.destroy();
    else if (this.#cut === 'hang') this.#hanging.add(response);
    else {
      this.#came(subscriber, after, response);
      if (after !== this.window.seq || waitMs <= 0) this.#send(question, receivedAt, response);
      else this.#sendLater(question, receivedAt, response);
    }
  }

  #sendLater(question: FeedQuestion, receivedAt: number, response: ServerResponse): void {
    const answer = (): void => {
      clearTimeout(timer);
      if (this.#waiting.delete(response)) this.#send(question, receivedAt, response);
    };
    const timer = setTimeout(answer, question.waitMs).unref();
    this.#waiting.set(response, answer);
  }

  #send({ after, nonce }: FeedQuestion, receivedAt: number, response: ServerResponse): void {
    const { seq, floor } = this.window;
    // From ahead of the truth, as after a restored backup, the numbers alone make a follower begin anew.
    const known = after > seq ? [] : [...this.window.events()].filter((event) => event.seq > after);
    const events = known.map(asSent);
    const reading = { now: this.now(), waitedMs: performance.now() - receivedAt, ...(nonce !== null && { nonce }) };
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    response.end(JSON.stringify({ events, seq, floor, ...KEEP, ...reading }));
  }

  #came(subscriber: string, after: number, response: ServerResponse): void {
    this.#followers.set(subscriber, response);
    for (const { seq, late, resolve } of this.#catchingUp) {
      if (after >= seq && late.delete(subscriber) && late.size === 0) resolve();
    }
  }

  #gone(subscriber: string): void {
    this.#followers.delete(subscriber);
    for (const { late, resolve } of this.#catchingUp) {
      if (late.delete(subscriber) && late.size === 0) resolve();
    }
  }

  /** As the service numbers changes: by the clock in µs, and always upwards. */
  #nextSeq(): number {
    return Math.max(this.window.seq + 1, Math.floor(this.now() * 1000));
  }
}

/** Followers learn no ids of users, sessions and tokens. */
function asSent(event: ValidityEvent): ValidityEvent {
  const { kind, key } = event;
  if (kind !== 'user' && kind !== 'user_facts' && kind !== 'session' && kind !== 'token') return event;
  return { ...event, key: hashedKey(kind, key) };
}
