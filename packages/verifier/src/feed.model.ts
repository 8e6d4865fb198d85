import type { CatchUp, EventKind, ValidityEvent } from './events.js';
import type { LongPollSource } from './long-poll-follower.js';
import { VerifiedToken } from './verified-token.js';

// The database, the instances and the network between them and a follower, as a model in which all time is told by the test.

/** When tokens are minted and decided on: seconds since 1970. How they expire is not what this is about. */
export const NOW = 1_800_000_000;
/** How often an instance reads the truth while it lets somebody wait, in ms. */
const POLL_MS = 25;

export const clock = (): number => performance.now();

export const later = (ms: number, work: () => void): NodeJS.Timeout => setTimeout(work, ms);

export interface State {
  readonly seq: number;
  readonly floor: number;
  readonly rows: ReadonlyMap<string, ValidityEvent>;
}

/** The database, with a history that it does not keep: it moves on, forgets, and is restored from a backup now and then. */
export class Truth {
  readonly history: { at: number; state: State }[] = [{ at: -Infinity, state: { seq: 1, floor: 0, rows: new Map() } }];
  readonly watchers = new Set<() => void>();
  tokens: VerifiedToken[] = [];
  restoredAt = -Infinity;
  #backup = this.state;
  #clock = 1;

  get state(): State {
    return this.at(Infinity);
  }

  at(moment: number): State {
    const entry = this.history.findLast(({ at }) => at <= moment);
    if (entry === undefined) throw new Error('before the beginning');
    return entry.state;
  }

  /** All states that the database was in at some moment from the one to the other. */
  between(from: number, to: number): State[] {
    const ended = this.history.findIndex((_, index) => (this.history[index + 1]?.at ?? Infinity) >= from);
    return this.history.slice(ended).flatMap(({ at, state }) => (at <= to ? [state] : []));
  }

  note(kind: EventKind, key: string): void {
    const event = { kind, key, seq: ++this.#clock, reason: '' };
    this.#become({ ...this.state, seq: event.seq, rows: new Map(this.state.rows).set(`${kind} ${key}`, event) });
  }

  mint(which: number): void {
    const [user, session, client, kid] = [which % 3, which % 5, which % 2, which % 4].map(String);
    const claims = { iss: 'i', aud: 'a', iat: NOW, exp: NOW + 300, jti: 'j', roles: ['r0', 'r1'], scope: '' };
    const subject = { sub: `user${user}`, sid: `session${session}`, client_id: `client${client}` };
    this.tokens.push(new VerifiedToken({ ...claims, ...subject, as_of: this.state.seq }, `signing_key${kid}`));
  }

  /** Of sessions it forgets what concerns expired tokens only, which no longer count here; of all else it says how far it has forgotten. */
  trim(count: number): void {
    const rows = new Map(this.state.rows);
    let { floor } = this.state;
    const oldest = [...rows].filter(([, { kind }]) => kind !== 'signing_key').sort(([, a], [, b]) => a.seq - b.seq);
    for (const [id, { kind, key, seq }] of oldest.slice(0, count)) {
      rows.delete(id);
      if (kind !== 'session') floor = Math.max(floor, seq);
      else this.tokens = this.tokens.filter(({ asOf, claims }) => claims.sid !== key || asOf >= seq);
    }
    this.#become({ ...this.state, floor, rows });
  }

  backup(): void {
    this.#backup = this.state;
  }

  /** What happened since the backup is lost; the numbers, which follow the time of day, go on. */
  restore(): void {
    this.restoredAt = clock();
    this.#become(this.#backup);
  }

  #become(state: State): void {
    this.history.push({ at: clock(), state });
    for (const changed of [...this.watchers]) changed();
  }
}

/** What an instance says that read the truth in this state. It may have more to tell than was asked for, in any order. */
function answerOf({ seq, floor, rows }: State, after: number, generous: boolean): CatchUp {
  const cannot = after !== 0 && (after > seq || after < floor);
  const events = [...rows.values()].filter((event) => !cannot && (generous || event.seq > after)).reverse();
  return { seq, floor, keepSeconds: 3600, keepAccessSeconds: 300, events };
}

interface Question {
  after: number;
  waitMs: number;
  readMs: number;
  generous: boolean;
}

/** An instance reads the truth once it is asked, and every few ms while it lets somebody wait; what it then answers with is as old as that. */
function ask(truth: Truth, { after, waitMs, readMs, generous }: Question, reply: (answer: CatchUp) => void): void {
  const arrivedAt = clock();
  later(readMs, () => {
    const readAt = clock();
    const answer = (tick: number): void => {
      clearTimeout(over);
      truth.watchers.delete(changed);
      reply({ ...answerOf(truth.at(tick), after, generous), now: tick, waitedMs: tick - arrivedAt });
    };
    const ticks = (): number => (clock() - readAt) / POLL_MS;
    const over = later(Math.max(0, waitMs - readMs), () => {
      answer(readAt + Math.floor(ticks()) * POLL_MS);
    });
    const changed = (): void => {
      truth.watchers.delete(changed);
      const tick = readAt + Math.ceil(ticks()) * POLL_MS;
      later(tick - clock(), () => {
        if (clock() < arrivedAt + waitMs) answer(tick);
      });
    };
    if (after !== truth.state.seq || waitMs <= readMs) answer(readAt);
    else truth.watchers.add(changed);
  });
}

/** What becomes of one question on its way and back. */
export interface Fate {
  what: 'answered' | 'lost' | 'answer lost' | 'refused' | 'delivered twice' | 'garbled';
  thereMs: number;
  backMs: number;
  readMs: number;
  generous: boolean;
  /** Whether the way ends with the question; if not, its answer still comes, however late. */
  heedsSignal: boolean;
  /** Whether the answer comes in two parts. */
  inParts: boolean;
}

export class Network {
  state: 'up' | 'silent' | 'refusing' = 'up';
  /** From now on all is well. */
  healed = false;
  #asked = 0;

  constructor(
    private readonly truth: Truth,
    private readonly fates: readonly Fate[],
  ) {}

  readonly source: LongPollSource = (after, waitSeconds, signal, heard) =>
    new Promise<CatchUp>((resolve, reject) => {
      const fate = this.#nextFate();
      if (fate.heedsSignal) signal.addEventListener('abort', reject);
      const { what, thereMs, backMs, readMs, generous } = fate;
      const deliver = (delay: number): void => {
        later(delay, () => {
          ask(this.truth, { after, waitMs: waitSeconds * 1000, readMs, generous }, (answer) => {
            if (what === 'answer lost') return;
            if (fate.inParts) later(backMs / 2, heard);
            later(backMs, () => {
              resolve(what === 'garbled' ? { ...answer, floor: answer.seq + 1 } : answer);
            });
          });
        });
      };
      if (what === 'refused') later(thereMs, reject);
      else if (what !== 'lost') deliver(thereMs);
      if (what === 'delivered twice') deliver(thereMs * 3);
    });

  #nextFate(): Fate {
    const well = { readMs: 2, thereMs: 2, backMs: 2, generous: false, heedsSignal: true, inParts: false } as const;
    if (this.healed) return { what: 'answered', ...well };
    if (this.state !== 'up') return { what: this.state === 'silent' ? 'lost' : 'refused', ...well };
    const fate = this.fates[this.#asked++ % this.fates.length];
    if (fate === undefined) throw new Error('no fate');
    return fate;
  }
}
