import { afterAnswers } from './after-answers.js';
import { StaleWindowError } from './errors.js';
import type { CatchUp, ValiditySource } from './events.js';
import { Freshness, type Reading } from './freshness.js';
import type { ValidityWindow } from './window.js';

export interface FollowerOptions {
  /** Within this time each caller is answered, one way or the other; in ms. */
  timeoutMs?: number;
  /** How long the first catch-up may take, which is the whole window; `timeoutMs` by default. Its callers are answered in time all the same. */
  loadTimeoutMs?: number;
  /** A clock that only goes forward, in ms. */
  monotonic?: () => number;
  /** The time of day, in ms since 1970. When it runs ahead of the monotonic clock, the machine was suspended. */
  wall?: () => number;
}

/** The callers of one turn of the event loop. They share one answer. */
interface Group {
  /** They need a window that is fresh as of this moment, on the monotonic clock. */
  moment: number;
  readonly promise: Promise<void>;
  readonly settle: (error?: StaleWindowError) => void;
}

/** The catch-up under way. */
interface Flight {
  sent: Reading;
  readonly abort: AbortController;
  readonly cancelTimeout: () => void;
}

/** So many times `timeoutMs` is the longest that a catch-up may take. */
const MOST_PATIENCE = 16;

/** Polling stops when nobody has asked for so long, in ms. */
const IDLE_MS = 1_000;

/**
 * Keeps a window as fresh as its callers need it. At most one catch-up is under way and all wait for the same; one that was
 * sent too early for a caller is followed by another. A failure is answered to those who waited for it and is not repeated
 * until somebody asks again.
 */
export class WindowFollower {
  readonly window: ValidityWindow;
  /** The clock of all moments given to this follower, in ms. */
  readonly monotonic: () => number;
  readonly #source: ValiditySource;
  readonly #timeoutMs: number;
  /**
   * How long a catch-up may take, in ms. It doubles with each that took too long: a window that is large after an outage would else be
   * asked for again and again, and never arrive.
   */
  #patienceMs: number;
  readonly #groups = new Set<Group>();
  #open: Group | undefined;
  #flight: Flight | undefined;
  readonly #freshness: Freshness;
  #pollMs: number | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #touchedAt = -Infinity;
  #onApplied: (answer: CatchUp, after: number) => void = () => undefined;
  #stopped = false;

  constructor(
    source: ValiditySource,
    window: ValidityWindow,
    {
      timeoutMs = 2_000,
      loadTimeoutMs = timeoutMs,
      monotonic = () => performance.now(),
      wall = () => Date.now(),
    }: FollowerOptions = {},
  ) {
    this.#source = source;
    this.window = window;
    this.#timeoutMs = timeoutMs;
    this.#patienceMs = loadTimeoutMs;
    this.monotonic = monotonic;
    this.#freshness = new Freshness({ monotonic, wall });
  }

  /** The moment as of which the window is known to be fresh, in ms on the monotonic clock; undefined before the first answer. */
  get freshAsOf(): number | undefined {
    return this.#freshness.asOf;
  }

  /**
   * The time of day by the clock of the truth, in ms since 1970, as of its last answer; by this machine's clock when the
   * source does not tell. It may be ahead by as long as that answer was under way.
   */
  now(): number {
    return this.#freshness.now();
  }

  /**
   * Waits until the window shows the truth as it was at `moment` (ms, monotonic; a later moment than now counts as now) or
   * after. Undefined when it already does.
   *
   * @throws StaleWindowError (rejection) when that cannot be had in time
   */
  freshSince(moment: number): Promise<void> | undefined {
    if (this.#freshness.reaches(moment)) return undefined;
    if (this.#stopped) return Promise.reject(new StaleWindowError('the validity window is no longer followed'));
    const now = this.monotonic();
    const reachable = moment < now ? moment : now;
    const group = (this.#open ??= this.#openGroup());
    if (reachable > group.moment) group.moment = reachable;
    return group.promise;
  }

  /** Has `listener` told of each answer once the window has taken it over; `after` is what was asked. It must not throw. */
  onApplied(listener: (answer: CatchUp, after: number) => void): void {
    this.#onApplied = listener;
  }

  /** From now on keeps the window current every `intervalMs` while it is `touch`ed at least every second. */
  poll(intervalMs: number): void {
    this.#pollMs = intervalMs;
  }

  touch(): void {
    this.#touchedAt = this.monotonic();
    if (this.#pollMs !== undefined && this.#pollTimer === undefined && !this.#stopped) this.#tick(this.#pollMs);
  }

  /** Ends polling and the catch-up under way; who still waits gets a StaleWindowError, and so does who asks later. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#pollTimer);
    if (this.#flight !== undefined) this.#abandon(this.#flight);
    for (const group of this.#groups)
      this.#settle(group, new StaleWindowError('the validity window is no longer followed'));
  }

  #openGroup(): Group {
    let settle: Group['settle'] = () => undefined;
    const promise = new Promise<void>((resolve, reject) => {
      const cancel = afterAnswers(this.#timeoutMs, () => {
        this.#settle(group, new StaleWindowError('the validity window could not be brought up to date in time'));
      });
      settle = (error) => {
        cancel();
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    // A caller that went away meanwhile must not turn a refusal into an unhandled rejection.
    promise.catch(() => undefined);
    const group: Group = { moment: -Infinity, promise, settle };
    this.#groups.add(group);
    setImmediate(() => {
      if (this.#open === group) this.#open = undefined;
      this.#pump();
    });
    return group;
  }

  #settle(group: Group, error?: StaleWindowError): void {
    if (this.#open === group) this.#open = undefined;
    this.#groups.delete(group);
    group.settle(error);
  }

  /** Sends a catch-up if somebody needs one and none is under way. */
  #pump(): void {
    if (this.#flight === undefined && this.#groups.size > 0) this.#send();
  }

  #send(): void {
    const flight: Flight = {
      sent: this.#freshness.reading(),
      abort: new AbortController(),
      cancelTimeout: afterAnswers(this.#patienceMs, () => {
        this.#patienceMs = Math.min(this.#patienceMs * 2, this.#timeoutMs * MOST_PATIENCE);
        this.#fail(flight, new StaleWindowError('the source of validity events did not answer in time'));
      }),
    };
    this.#flight = flight;
    this.#catchUp(flight).then(
      () => {
        if (this.#flight === flight) this.#succeed(flight);
      },
      (cause: unknown) => {
        if (this.#flight !== flight) return;
        this.#fail(flight, new StaleWindowError('the source of validity events failed', { cause }));
      },
    );
  }

  async #catchUp(flight: Flight): Promise<void> {
    const continued = await this.#ask(flight, this.window.position);
    if (!continued) await this.#ask(flight, 0);
  }

  /** Asks for what follows `after`; false when the answer does not continue the window. */
  async #ask(flight: Flight, after: number): Promise<boolean> {
    flight.sent = this.#freshness.reading();
    const answer = await this.#source(after, flight.abort.signal);
    // Given up meanwhile: another catch-up may have gone further.
    if (this.#flight !== flight) return true;
    if (this.window.apply(answer, after) === 'reload') return false;
    this.#freshness.note(answer, flight.sent);
    this.#onApplied(answer, after);
    return true;
  }

  #succeed(flight: Flight): void {
    flight.cancelTimeout();
    this.#patienceMs = this.#timeoutMs;
    this.#flight = undefined;
    for (const group of this.#groups) {
      if (this.#freshness.reaches(group.moment)) this.#settle(group);
    }
    this.#pump();
  }

  #fail(flight: Flight, error: StaleWindowError): void {
    this.#abandon(flight);
    for (const group of this.#groups) {
      if (group.moment <= flight.sent.at) this.#settle(group, error);
    }
    this.#pump();
  }

  #abandon(flight: Flight): void {
    flight.cancelTimeout();
    this.#flight = undefined;
    flight.abort.abort();
  }

  #tick(pollMs: number): void {
    if (this.monotonic() - this.#touchedAt > IDLE_MS) {
      this.#pollTimer = undefined;
      return;
    }
    if (this.#flight === undefined) this.#send();
    this.#pollTimer = setTimeout(() => {
      this.#tick(pollMs);
    }, pollMs).unref();
  }
}
