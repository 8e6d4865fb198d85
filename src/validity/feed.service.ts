import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { WindowFollower, type CatchUp } from '@portcullis/verifier';
import type { FastifyInstance } from 'fastify';
import type { Counter } from 'prom-client';
import { Metrics } from '../common/metrics.js';
import { Problem } from '../common/problem.js';
import { ANSWER_START, encodeEnd, encodeEvent } from './feed-encoding.js';
import { FeedJournal } from './feed-journal.js';
import { FeedSnapshot } from './feed-snapshot.js';

/** Most subscribers that one instance keeps waiting. */
const MOST_WAITING = 10_000;
/** How often (ms) the follower is told that somebody wants the window current; it polls for a second after. */
const TOUCH_INTERVAL = 500;
/** A window of more events than this is sent while it is being encoded. */
const STREAMED_FROM = 20_000;
/** Positions for which the text is kept. Those who follow closely all stand at the same few. */
const MOST_ENCODED = 100;
/** How long (ms) after its last reader an encoded window is kept for the next. */
const SNAPSHOT_KEPT = 10_000;

/** One who waits for what follows `after`. */
interface Waiter {
  readonly after: number;
  readonly wake: () => void;
}

/** What a subscriber asks: see the design, section 5. Times on the monotonic clock, in ms. */
export interface FeedQuestion {
  after: number;
  waitMs: number;
  arrivedAt: number;
  signal: AbortSignal;
  nonce: string | undefined;
}

/**
 * Answers those who follow the validity window over HTTP. Any number of them cost one query every 25 ms and one encoding of each change: who asks from
 * the same position gets the same text.
 */
@Injectable()
export class FeedService implements OnModuleInit {
  private readonly journal = new FeedJournal();
  private readonly waiting = new Set<Waiter>();
  private encoded = new Map<number, string>();
  private snapshot: FeedSnapshot | undefined;
  private readers = 0;
  private forgetting: NodeJS.Timeout | undefined;
  /** How often the window was loaded anew, as after a restored backup: what was read of the one before is worth nothing. */
  private loads = 0;
  private touching: NodeJS.Timeout | undefined;
  private closing = false;
  private readonly eventsEncoded: Counter;

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
      'Validity events that were encoded for subscribers, each once for all who ask from the same position',
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
   * @throws StaleWindowError when the database does not answer; Problem 503 when too many wait
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
    const recent = after === 0 ? undefined : this.recent(after);
    if (recent !== undefined) return ANSWER_START + recent + this.end(question);
    const whole = this.whole(question);
    return window.size > STREAMED_FROM ? whole : textOf(whole);
  }

  private wait({ after, waitMs, signal }: FeedQuestion): Promise<void> | undefined {
    if (waitMs <= 0 || this.closing || signal.aborted) return undefined;
    if (this.waiting.size >= MOST_WAITING)
      throw new Problem(503, 'too_many_subscribers', 'Too many subscribers wait here.');
    return new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiting.delete(waiter);
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
    if (answer.events.length > 0 || after === 0) this.encoded = new Map();
    if (after === 0) {
      this.snapshot = undefined;
      this.loads += 1;
    }
    for (const waiter of this.waiting) if (waiter.after !== seq) waiter.wake();
  }

  /** The events after `after`, encoded once for all who ask; undefined when the journal does not reach back so far. */
  private recent(after: number): string | undefined {
    const known = this.encoded.get(after);
    if (known !== undefined) return known;
    const events = this.journal.since(after);
    if (events === undefined) return undefined;
    const text = events.map(encodeEvent).join(',');
    this.eventsEncoded.inc(events.length);
    if (this.encoded.size < MOST_ENCODED) this.encoded.set(after, text);
    return text;
  }

  /** What changes while the window is read is in the journal, so it does not matter which of it the reading sees. */
  private async *whole(question: FeedQuestion): AsyncGenerator<string, void, undefined> {
    const { loads } = this;
    const snapshot = this.currentSnapshot();
    this.readers += 1;
    clearTimeout(this.forgetting);
    try {
      yield ANSWER_START;
      let separator = '';
      for await (const part of snapshot.parts()) {
        yield separator + part;
        separator = ',';
      }
      const since = loads === this.loads ? this.recent(snapshot.seq) : undefined;
      if (since === undefined) throw new Problem(503, 'feed_behind', 'Too much changed while the window was read.');
      yield (since === '' ? '' : separator + since) + this.end(question);
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
    if (this.snapshot === undefined || this.recent(this.snapshot.seq) === undefined) {
      const { window } = this.follower;
      this.snapshot = new FeedSnapshot(window.seq, window.events(), (events) => this.eventsEncoded.inc(events));
    }
    return this.snapshot;
  }

  private end({ arrivedAt, nonce }: FeedQuestion): string {
    const { window, freshAsOf = arrivedAt } = this.follower;
    const { seq, floor, keepSeconds, keepAccessSeconds } = window;
    // The follower's clock, as it was at the moment that the answer vouches for.
    const now = this.follower.now() - (this.follower.monotonic() - freshAsOf);
    const reading = { now, waitedMs: Math.max(0, freshAsOf - arrivedAt), nonce };
    return encodeEnd({ seq, floor, keepSeconds, keepAccessSeconds }, reading);
  }
}

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}
