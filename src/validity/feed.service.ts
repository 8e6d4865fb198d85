import { setImmediate as turn } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { WindowFollower, type CatchUp, type ValidityEvent } from '@portcullis/verifier';
import type { FastifyInstance } from 'fastify';
import type { Counter } from 'prom-client';
import { Metrics } from '../common/metrics.js';
import { Problem } from '../common/problem.js';
import { ANSWER_START, encodeEnd, encodeEvent } from './feed-encoding.js';
import { FeedJournal } from './feed-journal.js';
import { FeedPlaces } from './feed-places.js';
import { FeedSnapshot } from './feed-snapshot.js';

/** Most subscribers that one instance keeps waiting, and of these most of one client or user. */
const PLACES = { all: 10_000, ofOne: 2_000 };
/** How often (ms) the follower is told that somebody wants the window current; it polls for a second after. */
const TOUCH_INTERVAL = 500;
/** A window of more events than this is sent while it is being encoded. */
const STREAMED_FROM = 20_000;
/** Events that are said in one go: about 3 ms, where nobody has asked for them before. */
const CHUNK = 2_000;
/** How long (ms) after its last reader an encoded window is kept for the next. */
const SNAPSHOT_KEPT = 10_000;

/** One who waits for what follows `after`. */
interface Waiter {
  readonly after: number;
  readonly wake: () => void;
}

/** What a subscriber asks: see the design, section 5. Times on the monotonic clock, in ms. */
export interface FeedQuestion {
  /** The client or user that asks. */
  owner: string;
  after: number;
  waitMs: number;
  arrivedAt: number;
  signal: AbortSignal;
  nonce: string | undefined;
  /** Told where the answer ends. */
  onAnswered: (seq: number) => void;
}

/**
 * Answers those who follow the validity window over HTTP. Any number of them cost one query every 25 ms and one encoding of each change, wherever they stand.
 */
@Injectable()
export class FeedService implements OnModuleInit {
  private readonly journal = new FeedJournal();
  private readonly waiting = new Set<Waiter>();
  private readonly places = new FeedPlaces(PLACES);
  /** Of the events in the journal, as far as somebody has asked for them. */
  private readonly texts = new WeakMap<ValidityEvent, string>();
  private snapshot: FeedSnapshot | undefined;
  private readers = 0;
  private forgetting: NodeJS.Timeout | undefined;
  /** How often the window was loaded anew, as after a restored backup: what was read of the one before is worth nothing. */
  private loads = 0;
  private touching: NodeJS.Timeout | undefined;
  private closing = false;
  private readonly eventsEncoded: Counter;
  private readonly turnedAway: Counter;

  constructor(
    private readonly follower: WindowFollower,
    private readonly http: HttpAdapterHost,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'portcullis_feed_waiting',
      'Subscribers that wait for the next validity event',
      () => this.waiting.size,
    );
    this.eventsEncoded = metrics.counter(
      'portcullis_feed_encoded_events_total',
      'Validity events that were encoded for subscribers, each once for all who ask',
    );
    this.turnedAway = metrics.counter(
      'portcullis_feed_turned_away_total',
      'Questions that were answered at once, as too many wait',
    );
  }

  onModuleInit(): void {
    this.follower.onApplied((answer, after) => {
      this.applied(answer, after);
    });
    // The command line has no server, and so nobody who could wait.
    const adapter = this.http.httpAdapter as AbstractHttpAdapter | undefined;
    adapter?.getInstance<FastifyInstance>().addHook('preClose', (done: () => void) => {
      this.closing = true;
      for (const { wake } of this.waiting) wake();
      done();
    });
  }

  /**
   * What followed `after`, as JSON (in parts where it is much), at once when there is something, else when something comes or `waitMs` are over.
   *
   * @throws StaleWindowError when the database does not answer
   */
  async answer(question: FeedQuestion): Promise<string | AsyncIterable<string>> {
    await this.follower.freshSince(question.arrivedAt);
    if (question.after === this.follower.window.seq) await this.wait(question);
    return this.compose(question);
  }

  private compose(question: FeedQuestion): string | Promise<string> | AsyncIterable<string> {
    const { after } = question;
    const { window } = this.follower;
    // Ahead of the truth, as after a restored backup, or behind what is still known: the numbers alone tell it to begin anew.
    if (after !== 0 && (after > window.seq || after < window.floor)) return ANSWER_START + this.end(question);
    const recent = after === 0 ? undefined : this.journal.since(after);
    if (recent !== undefined && recent.length <= CHUNK) return ANSWER_START + this.textOf(recent) + this.end(question);
    if (recent !== undefined) return this.streamed(question, [], after);
    const snapshot = this.currentSnapshot();
    const whole = this.streamed(question, this.read(snapshot), snapshot.seq);
    return window.size > STREAMED_FROM ? whole : joined(whole);
  }

  /** Whoever finds no place is answered at once: that is true all the same, and its knowledge stays fresh. */
  private wait({ owner, after, waitMs, signal }: FeedQuestion): Promise<void> | undefined {
    if (waitMs <= 0 || this.closing || signal.aborted) return undefined;
    const leave = this.places.take(owner);
    if (leave === undefined) {
      this.turnedAway.inc();
      return undefined;
    }
    return new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiting.delete(waiter);
        leave();
        if (this.waiting.size === 0) this.rest();
        resolve();
      };
      const waiter: Waiter = { after, wake };
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener('abort', wake, { once: true });
      this.waiting.add(waiter);
      this.follow();
    });
  }

  private follow(): void {
    if (this.touching !== undefined) return;
    this.follower.touch();
    this.touching = setInterval(() => {
      this.follower.touch();
    }, TOUCH_INTERVAL).unref();
  }

  private rest(): void {
    clearInterval(this.touching);
    this.touching = undefined;
  }

  private applied(answer: CatchUp, after: number): void {
    const { seq } = this.follower.window;
    this.journal.note(answer, after);
    if (after === 0) {
      this.snapshot = undefined;
      this.loads += 1;
    }
    for (const waiter of this.waiting) if (waiter.after !== seq) waiter.wake();
  }

  private textOf(events: readonly ValidityEvent[]): string {
    return events.map((event) => this.texts.get(event) ?? this.encode(event)).join(',');
  }

  private encode(event: ValidityEvent): string {
    const text = encodeEvent(event);
    this.texts.set(event, text);
    this.eventsEncoded.inc();
    return text;
  }

  /**
   * An answer in parts, so that others are served between them: first `parts`, then what followed `seq`, also what comes while they are read. What a part
   * says of something that has changed meanwhile does not matter: the change is said after it.
   */
  private async *streamed(
    question: FeedQuestion,
    parts: AsyncIterable<string> | Iterable<string>,
    seq: number,
  ): AsyncGenerator<string, void, undefined> {
    const { loads } = this;
    yield ANSWER_START;
    let separator = '';
    for await (const part of parts) {
      yield separator + part;
      separator = ',';
    }
    for (let position = seq; ;) {
      const since = loads === this.loads ? this.journal.since(position) : undefined;
      if (since === undefined) throw new Problem(503, 'feed_behind', 'Too much changed while this was read.');
      if (since.length <= CHUNK) {
        yield (since.length === 0 ? '' : separator + this.textOf(since)) + this.end(question);
        return;
      }
      for (let start = 0; start < since.length; start += CHUNK) {
        yield separator + this.textOf(since.slice(start, start + CHUNK));
        separator = ',';
        await turn();
      }
      position = since.at(-1)?.seq ?? position;
    }
  }

  private async *read(snapshot: FeedSnapshot): AsyncGenerator<string, void, undefined> {
    this.readers += 1;
    clearTimeout(this.forgetting);
    try {
      yield* snapshot.parts();
    } finally {
      this.readers -= 1;
      if (this.readers === 0) this.forgetLater();
    }
  }

  private forgetLater(): void {
    this.forgetting = setTimeout(() => {
      this.snapshot = undefined;
    }, SNAPSHOT_KEPT).unref();
  }

  /** One for all who ask meanwhile, and for a while after. */
  private currentSnapshot(): FeedSnapshot {
    if (this.snapshot === undefined || !this.journal.reaches(this.snapshot.seq)) {
      const { window } = this.follower;
      this.snapshot = new FeedSnapshot(window.seq, window.events(), (events) => this.eventsEncoded.inc(events));
    }
    return this.snapshot;
  }

  private end({ arrivedAt, nonce, signal, onAnswered }: FeedQuestion): string {
    const { window, freshAsOf = arrivedAt } = this.follower;
    const { seq, floor, keepSeconds, keepAccessSeconds } = window;
    if (!signal.aborted) onAnswered(seq);
    // The follower's clock, as it was at the moment that the answer vouches for.
    const now = this.follower.now() - (this.follower.monotonic() - freshAsOf);
    const reading = { now, waitedMs: Math.max(0, freshAsOf - arrivedAt), nonce };
    return encodeEnd({ seq, floor, keepSeconds, keepAccessSeconds }, reading);
  }
}

async function joined(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}
