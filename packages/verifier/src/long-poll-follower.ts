import { abortable } from './abortable.js';
import { afterAnswers } from './after-answers.js';
import { StaleWindowError } from './errors.js';
import type { CatchUp } from './events.js';
import { Freshness, type Reading } from './freshness.js';
import { Patience, type Heard } from './patience.js';
import type { ValidityWindow } from './window.js';

/**
 * Asks the truth what happened after `after`, and lets it wait for so many seconds when there is nothing yet. The answer says in `waitedMs` how
 * long after receiving the question the truth was read. When `signal` aborts, give up. `heard` is told of each part of an
 * answer that comes, and before that of what it took to put the question.
 */
export type LongPollSource = (
  after: number,
  waitSeconds: number,
  signal: AbortSignal,
  heard: (of?: Heard) => void,
) => Promise<CatchUp>;

export interface LongPollOptions {
  /** For how long the source may wait, in seconds: below half of what the window may be old, since an idle poll proves nothing until it is answered. */
  waitSeconds: number;
  /** For how long, beyond the wait, nothing may be heard of an answer, and how long a caller waits at most; in ms. */
  timeoutMs?: number;
  /** A clock that only goes forward, in ms. */
  monotonic?: () => number;
  /** The time of day, in ms since 1970. When it runs ahead of the monotonic clock, the machine was suspended. */
  wall?: () => number;
  /** From 0 up to 1: spreads out the retries of many services. */
  random?: () => number;
  /** Told of the first of several failures in a row, and with undefined of the first success after. It must not throw. */
  onConnection?: (error: StaleWindowError | undefined) => void;
}

/** The reason with which a question is given up that nobody answered. */
export const NO_ANSWER = new Error('the source did not answer in time');

interface Caller {
  readonly moment: number;
  readonly settle: (error?: StaleWindowError) => void;
}

/** A question under way. */
interface Question {
  readonly after: number;
  readonly sent: Reading;
  readonly answer: Promise<CatchUp>;
  /** Gives it up, unless it is answered. */
  readonly end: () => void;
}

/** An instance that is asked by too many lets nobody wait: it is not to be asked without a pause for that. In ms. */
const LONGEST_PAUSE_MS = 500;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** Between two questions at least so long (ms), whatever the source answers. */
const SHORTEST_ROUND_MS = 10;
/** So many times `timeoutMs` is the longest that an answer may take of which parts keep coming. */
const LONGEST_ANSWER = 16;

/**
 * Keeps a window current by polling without a pause. An answer proves the truth as of the moment at which its question was sent, plus the time the source says
 * that it waited, on this machine's monotonic clock: no clocks are compared, and a delayed answer proves no more than it should.
 */
export class LongPollFollower {
  readonly window: ValidityWindow;
  readonly monotonic: () => number;
  readonly #source: LongPollSource;
  readonly #waitSeconds: number;
  readonly #timeoutMs: number;
  readonly #random: () => number;
  readonly #onConnection: (error: StaleWindowError | undefined) => void;
  readonly #callers = new Set<Caller>();
  readonly #underWay = new Set<Question>();
  readonly #freshness: Freshness;
  #failures = 0;
  /** How often in a row a question that might wait was answered before its time, with nothing. */
  #early = 0;
  #wake: (() => void) | undefined;
  #hurry: (() => void) | undefined;
  #started = false;
  #stopped = false;

  constructor(source: LongPollSource, window: ValidityWindow, options: LongPollOptions) {
    const { waitSeconds, timeoutMs = 2_000, monotonic = () => performance.now(), wall = () => Date.now() } = options;
    this.#source = source;
    this.window = window;
    this.monotonic = monotonic;
    this.#freshness = new Freshness({ monotonic, wall });
    this.#waitSeconds = waitSeconds;
    this.#timeoutMs = timeoutMs;
    this.#random = options.random ?? Math.random;
    this.#onConnection = options.onConnection ?? (() => undefined);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether the last question was answered. */
  get answered(): boolean {
    return this.freshAsOf !== undefined && this.#failures === 0;
  }

  /** The moment as of which the window is known to be fresh, in ms on the monotonic clock; undefined before the first answer. */
  get freshAsOf(): number | undefined {
    return this.#freshness.asOf;
  }

  /** How old what is known is, in ms, with the time in which the machine was suspended; undefined before the first answer. */
  get ageMs(): number | undefined {
    return this.#freshness.age;
  }

  /** The time of day by the clock of the truth, in ms since 1970; by this machine's clock before the first answer. */
  now(): number {
    return this.#freshness.now();
  }

  /**
   * Waits until the window shows the truth as it was at `moment` or after; undefined when it already does. While the source is known not to
   * answer, nobody is kept waiting.
   *
   * @throws StaleWindowError (rejection)
   */
  freshSince(moment: number): Promise<void> | undefined {
    if (this.#freshness.reaches(moment)) return undefined;
    if (this.#stopped) return Promise.reject(new StaleWindowError('the validity feed is no longer followed'));
    if (this.#failures > 0) return Promise.reject(new StaleWindowError('the validity feed does not answer'));
    const now = this.monotonic();
    const promise = new Promise<void>((resolve, reject) => {
      const cancel = afterAnswers(this.#timeoutMs, () => {
        caller.settle(new StaleWindowError('the validity feed did not answer in time'));
      });
      const caller: Caller = {
        moment: Math.min(moment, now),
        settle: (error) => {
          cancel();
          this.#callers.delete(caller);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#callers.add(caller);
    });
    this.#hurry?.();
    return promise;
  }

  touch(): void {
    // It polls whether or not anyone asks.
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    for (const { end } of this.#underWay) end();
    this.#wake?.();
    this.#settleAll(new StaleWindowError('the validity feed is no longer followed'));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const began = this.monotonic();
      const error = await this.#round().catch(
        (cause: unknown) => new StaleWindowError('the validity feed failed', { cause }),
      );
      if (this.stopped) return;
      if (error === undefined) this.#succeeded();
      else this.#failed(error);
      await this.#sleep(this.#failures > 0 ? this.#retryMs() : this.#pauseMs() - (this.monotonic() - began));
    }
  }

  /** Doubles with each early answer, but knowledge is not to get older than by one that waits, and nobody is kept waiting. */
  #pauseMs(): number {
    if (this.#callers.size > 0) return SHORTEST_ROUND_MS;
    const longest = Math.max(SHORTEST_ROUND_MS, Math.min(LONGEST_PAUSE_MS, this.#waitSeconds * 1000));
    return Math.min(SHORTEST_ROUND_MS * 2 ** this.#early, longest);
  }

  /** A question that waits for something to happen, or one that does not wait where somebody needs to know now. Undefined when it was answered. */
  async #round(): Promise<StaleWindowError | undefined> {
    const { position } = this.window;
    if (this.#callers.size > 0 || this.#failures > 0 || position === 0) return this.#takeOver(this.#put(position, 0));
    const idle = this.#put(position, this.#waitSeconds);
    const latest = this.monotonic() + this.#waitSeconds * 500;
    try {
      while ((await this.#firstOf(idle)) !== idle) {
        const began = this.monotonic();
        const aside = this.#put(position, 0);
        if ((await this.#firstOf(idle, aside)) === idle) {
          aside.end();
          break;
        }
        const error = await this.#takeOver(aside);
        if (error) throw error;
        this.#succeeded();
        // The other is answered with the same, and left to end by itself: to give it up would cost the connection.
        if (this.window.position !== position) return undefined;
        await Promise.race([idle.answer, pause(SHORTEST_ROUND_MS - (this.monotonic() - began))]);
      }
    } catch (error) {
      idle.end();
      throw error;
    }
    const error = await this.#takeOver(idle);
    this.#early = this.window.position === position && this.monotonic() < latest ? this.#early + 1 : 0;
    return error;
  }

  /** Which is answered first; without `aside`, undefined as soon as somebody needs to know. @throws what the first that fails fails with */
  async #firstOf(idle: Question, aside?: Question): Promise<Question | undefined> {
    const other =
      aside?.answer.then(() => aside) ??
      new Promise<undefined>((resolve) => {
        this.#hurry = (): void => {
          resolve(undefined);
        };
        if (this.#callers.size > 0) this.#hurry();
      });
    return Promise.race([idle.answer.then(() => idle), other]);
  }

  #put(after: number, waitSeconds: number): Question {
    const abort = new AbortController();
    const limits = {
      silenceMs: this.#timeoutMs,
      longestMs: this.#timeoutMs * LONGEST_ANSWER,
      monotonic: this.monotonic,
    };
    const patience = new Patience(limits, () => {
      abort.abort(NO_ANSWER);
    });
    const heard = (of?: Heard): void => {
      patience.heard(of);
    };
    patience.begin(waitSeconds * 1000);
    const sent = this.#freshness.reading();
    const answer = abortable(this.#source(after, waitSeconds, abort.signal, heard), abort.signal).finally(() => {
      patience.end();
      this.#underWay.delete(question);
    });
    // One that is left to end by itself may fail.
    answer.catch(() => undefined);
    const question: Question = {
      after,
      sent,
      answer,
      end: () => {
        abort.abort();
      },
    };
    this.#underWay.add(question);
    return question;
  }

  /** What the question is answered with, and the whole window where that does not continue it. */
  async #takeOver(question: Question): Promise<StaleWindowError | undefined> {
    const { after, sent } = question;
    const answer = await question.answer;
    if ((await this.window.applyGradually(answer, after)) === 'applied') {
      this.#freshness.note(answer, sent);
      return undefined;
    }
    if (after !== 0) return this.#takeOver(this.#put(0, 0));
    return new StaleWindowError('the validity feed gave no whole window');
  }

  #succeeded(): void {
    if (this.#failures > 0) this.#onConnection(undefined);
    this.#failures = 0;
    for (const caller of this.#callers) {
      if (this.#freshness.reaches(caller.moment)) caller.settle();
    }
  }

  #failed(error: StaleWindowError): void {
    this.#failures += 1;
    if (this.#failures === 1) this.#onConnection(error);
    this.#settleAll(error);
  }

  #settleAll(error: StaleWindowError): void {
    for (const caller of this.#callers) caller.settle(error);
  }

  /** Doubles with each failure, up to a bound; half of it is chance. */
  #retryMs(): number {
    const longest = Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS);
    return longest * (0.5 + this.#random() / 2);
  }

  /** Who needs to know now does not wait for its end, unless questions are sent more often than they should be anyway. */
  async #sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#hurry = ms > SHORTEST_ROUND_MS ? this.#wake : undefined;
    });
    this.#wake = undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
