import { setImmediate as turn } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { WindowFollower, type CatchUp } from '@portcullis/verifier';
import type { FastifyInstance } from 'fastify';
import { Metrics } from '../common/metrics.js';
import { Problem } from '../common/problem.js';
import { ANSWER_START, encodeEnd, encodeEvent } from './feed-encoding.js';
import { FeedJournal } from './feed-journal.js';

/** Most subscribers that one instance keeps waiting. */
const MOST_WAITING = 10_000;
/** How often (ms) the follower is told that somebody wants the window current; it polls for a second after. */
const TOUCH_INTERVAL = 500;
/** Events encoded in one go: about 3 ms. */
const CHUNK = 2_000;
/** Positions for which the text is kept. Those who follow closely all stand at the same few. */
const MOST_ENCODED = 100;
/** How long (ms) an encoded window is kept for the next who asks for all of it. */
const SNAPSHOT_KEPT = 10_000;

/** One who waits for what follows `after`. */
interface Waiter {
  readonly after: number;
  readonly wake: () => void;
}

/** The whole window as it was at `seq`, or later. */
interface Snapshot {
  readonly seq: number;
  readonly chunks: readonly string[];
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
  private snapshot: Snapshot | undefined;
  /** How often the window was loaded anew, as after a restored backup: what was read of the one before is worth nothing. */
  private loads = 0;
  private taking: Promise<Snapshot> | undefined;
  private touching: NodeJS.Timeout | undefined;
  private closing = false;

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
   * What followed `after`, as JSON in parts, at once when there is something, else when something comes or `waitMs` are over.
   *
   * @throws StaleWindowError when the database does not answer; Problem 503 when too many wait
   */
  async answer(question: FeedQuestion): Promise<readonly string[]> {
    await this.follower.freshSince(question.arrivedAt);
    if (question.after === this.follower.window.seq) await this.wait(question);
    return this.compose(question);
  }

  private async compose(question: FeedQuestion): Promise<readonly string[]> {
    const { after } = question;
    const { window } = this.follower;
    // Ahead of the truth, as after a restored backup, or behind what is still known: the numbers alone tell it to begin anew.
    if (after !== 0 && (after > window.seq || after < window.floor)) return [ANSWER_START, this.end(question)];
    const recent = after === 0 ? undefined : this.recent(after);
    if (recent !== undefined) return [ANSWER_START, recent, this.end(question)];
    const snapshot = await this.whole();
    const since = this.recent(snapshot.seq);
    if (since === undefined) throw new Problem(503, 'feed_behind', 'Too much changed while the window was read.');
    const events = [...snapshot.chunks, ...(since === '' ? [] : [since])];
    return [ANSWER_START, ...events.map((part, index) => (index === 0 ? part : `,${part}`)), this.end(question)];
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
    const text = this.journal.since(after)?.map(encodeEvent).join(',');
    if (text !== undefined && this.encoded.size < MOST_ENCODED) this.encoded.set(after, text);
    return text;
  }

  /** One snapshot is taken for all who ask meanwhile, and kept for a while: what came after it is in the journal. */
  private async whole(): Promise<Snapshot> {
    if (this.snapshot !== undefined && this.recent(this.snapshot.seq) !== undefined) return this.snapshot;
    this.taking ??= this.take().finally(() => {
      this.taking = undefined;
    });
    return this.taking;
  }

  /**
   * What changes while the window is read is in the journal after `seq`, so it does not matter which of it the reading sees. Turns of the event loop are
   * taken in between: requests go on while a large window is encoded.
   */
  private async take(): Promise<Snapshot> {
    const { window } = this.follower;
    const { loads } = this;
    const { seq } = window;
    const chunks: string[] = [];
    let chunk: string[] = [];
    for (const event of window.events()) {
      if (event.seq > seq) continue;
      chunk.push(encodeEvent(event));
      if (chunk.length < CHUNK) continue;
      chunks.push(chunk.join(','));
      chunk = [];
      await turn();
    }
    if (chunk.length > 0) chunks.push(chunk.join(','));
    if (loads !== this.loads) return this.take();
    const snapshot = { seq, chunks };
    this.snapshot = snapshot;
    setTimeout(() => {
      if (this.snapshot === snapshot) this.snapshot = undefined;
    }, SNAPSHOT_KEPT).unref();
    return snapshot;
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
