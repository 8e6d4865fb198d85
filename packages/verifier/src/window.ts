import { setImmediate as turn } from 'node:timers/promises';
import {
  assertEvent,
  assertStanding,
  EVENT_KINDS,
  refusalReasonOf,
  type CatchUp,
  type EventKind,
  type ValidityEvent,
} from './events.js';
import type { RefusalReason } from './refusal-reason.js';

/** The newest event of one kind about one key. */
export interface WindowEntry {
  readonly seq: number;
  readonly reason: RefusalReason;
}

/** What a decision reads from the window. */
export interface WindowView {
  /** How far the window reaches; -1 before the first answer, when it vouches for nothing. */
  readonly seq: number;
  readonly floor: number;
  readonly keepSeconds: number;
  readonly keepAccessSeconds: number;
  /** Whether users, sessions and tokens are named by `hashedKey`. */
  readonly hashedKeys: boolean;
  /** No event of the kind is newer than this (0: there is none), which spares most look-ups. */
  readonly highest: Readonly<Record<EventKind, number>>;
  newest(kind: EventKind, key: string): WindowEntry | undefined;
  /** The events about permissions taken from a role, by permission. */
  takenFromRole(role: string): ReadonlyMap<string, WindowEntry> | undefined;
}

/** `reload`: the answer does not continue this window; ask for the whole one (after 0). */
export type Applied = 'applied' | 'reload';

interface StoredEntry extends WindowEntry {
  /** On the monotonic clock, in ms: from then on no token that this event could end is alive. */
  readonly dropAt: number;
}

interface Contents {
  /** In each map the entries are in the order of their receipt, and so of their seq. */
  readonly entries: Readonly<Record<EventKind, Map<string, StoredEntry>>>;
  readonly highest: Record<EventKind, number>;
  /** role → permission → the entry of `role_permission`. */
  readonly takenFromRole: Map<string, Map<string, StoredEntry>>;
}

/** Tolerance for clocks and for answers under way, the same as that of the service's own trimming. */
const DROP_MARGIN_MS = 600_000;
/** Events that are looked at or stored in one go: a few ms. */
const AT_ONCE = 5_000;
const TRIM_INTERVAL_MS = 1_000;
const TRIM_AT_ONCE = 10_000;
const DROPPED_KINDS = EVENT_KINDS.filter((kind) => kind !== 'signing_key');

/** The newest event per kind and key, as far as it can still matter to a token that has not expired. */
export class ValidityWindow implements WindowView {
  readonly hashedKeys: boolean;
  readonly #monotonic: () => number;
  #contents = emptyContents();
  #seq = -1;
  #floor = 0;
  #keepSeconds = 0;
  #keepAccessSeconds = 0;
  #nextTrimAt = -Infinity;

  /** @param options.monotonic in ms */
  constructor({
    hashedKeys = false,
    monotonic = () => performance.now(),
  }: { hashedKeys?: boolean; monotonic?: () => number } = {}) {
    this.hashedKeys = hashedKeys;
    this.#monotonic = monotonic;
  }

  get seq(): number {
    return this.#seq;
  }

  get floor(): number {
    return this.#floor;
  }

  get keepSeconds(): number {
    return this.#keepSeconds;
  }

  get keepAccessSeconds(): number {
    return this.#keepAccessSeconds;
  }

  get highest(): Readonly<Record<EventKind, number>> {
    return this.#contents.highest;
  }

  get loaded(): boolean {
    return this.#seq >= 0;
  }

  /** The `after` of the next catch-up. */
  get position(): number {
    return this.loaded ? this.#seq : 0;
  }

  /** Number of events held in memory. */
  get size(): number {
    return EVENT_KINDS.reduce((sum, kind) => sum + this.#contents.entries[kind].size, 0);
  }

  newest(kind: EventKind, key: string): WindowEntry | undefined {
    return this.#contents.entries[kind].get(key);
  }

  /**
   * All events held, in no order. What is applied while this is being iterated over may or may not be seen; an event that it supersedes is then
   * not seen either.
   */
  *events(): Generator<ValidityEvent, void, undefined> {
    const { entries } = this.#contents;
    for (const kind of EVENT_KINDS) {
      for (const [key, { seq, reason }] of entries[kind]) yield { kind, key, seq, reason };
    }
  }

  takenFromRole(role: string): ReadonlyMap<string, WindowEntry> | undefined {
    return this.#contents.takenFromRole.get(role);
  }

  /**
   * Takes over the answer to the question for `after`. An answer that reports the whole window replaces this one at once;
   * any other must continue it without a hole, and never takes it back.
   *
   * @throws TypeError when the answer is malformed; the window is then as it was
   */
  apply(answer: CatchUp, after: number): Applied {
    const steps = this.#applying(answer, after);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /**
   * As `apply`, but with a turn of the event loop now and then, so that a large answer holds up nobody. Until it is done nothing else must be applied;
   * decisions meanwhile may already know some of what the answer says.
   */
  async applyGradually(answer: CatchUp, after: number): Promise<Applied> {
    const steps = this.#applying(answer, after);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await turn();
    }
  }

  /** Stops now and then. */
  *#applying(answer: CatchUp, after: number): Generator<void, Applied, undefined> {
    assertStanding(answer);
    for (let n = 0; n < answer.events.length; n++) {
      assertEvent(answer.events[n], answer.seq);
      if (n % AT_ONCE === AT_ONCE - 1) yield;
    }
    if (after !== 0) {
      const hole = after !== this.#seq || after < answer.floor;
      // Either only grows, except when a backup is restored.
      const wentBack = after > answer.seq || answer.floor < this.#floor;
      if (hole || wentBack) return 'reload';
    }
    const contents = after === 0 ? emptyContents() : this.#contents;
    const receivedAt = this.#monotonic();
    let stored = 0;
    for (const event of answer.events.toSorted(bySeq)) {
      if (++stored % AT_ONCE === 0) yield;
      if (event.seq > answer.floor || event.kind === 'signing_key')
        store(contents, event, dropAt(event.kind, answer, receivedAt));
    }
    this.#contents = contents;
    this.#seq = answer.seq;
    this.#floor = answer.floor;
    this.#keepSeconds = answer.keepSeconds;
    this.#keepAccessSeconds = answer.keepAccessSeconds;
    this.#trim(receivedAt);
    return 'applied';
  }

  /** Forgets the oldest entries once no living token can need them; a little at a time, so that no request waits for it. */
  #trim(now: number): void {
    if (now < this.#nextTrimAt) return;
    let allowance = TRIM_AT_ONCE;
    for (const kind of DROPPED_KINDS) {
      for (const [key, entry] of this.#contents.entries[kind]) {
        if (entry.seq > this.#floor && entry.dropAt > now) break;
        if (allowance-- === 0) return;
        forget(this.#contents, kind, key);
      }
    }
    this.#nextTrimAt = now + TRIM_INTERVAL_MS;
  }
}

function emptyContents(): Contents {
  return {
    entries: perKind(() => new Map<string, StoredEntry>()),
    highest: perKind(() => 0),
    takenFromRole: new Map(),
  };
}

function perKind<T>(make: () => T): Record<EventKind, T> {
  return {
    global: make(),
    user: make(),
    user_facts: make(),
    client: make(),
    session: make(),
    token: make(),
    audience: make(),
    role: make(),
    role_permission: make(),
    signing_key: make(),
  };
}

function bySeq(a: ValidityEvent, b: ValidityEvent): number {
  return a.seq - b.seq;
}

/** The tokens that an event concerns were minted before it, so they have expired `keep` after it was received. */
function dropAt(kind: EventKind, keep: CatchUp, receivedAt: number): number {
  if (kind === 'signing_key') return Infinity;
  const seconds = kind === 'session' ? keep.keepAccessSeconds : keep.keepSeconds;
  return receivedAt + seconds * 1000 + DROP_MARGIN_MS;
}

function store(contents: Contents, event: ValidityEvent, dropAt: number): void {
  const { kind, key, seq } = event;
  const known = contents.entries[kind].get(key);
  if (known !== undefined && known.seq >= seq) return;
  const entry: StoredEntry = { seq, reason: refusalReasonOf(event), dropAt };
  // Deleted first so that it moves to the end of the map's order.
  contents.entries[kind].delete(key);
  contents.entries[kind].set(key, entry);
  if (seq > contents.highest[kind]) contents.highest[kind] = seq;
  if (kind === 'role_permission') {
    const [role, permission] = splitRolePermission(key);
    const taken = contents.takenFromRole.get(role);
    if (taken === undefined) contents.takenFromRole.set(role, new Map([[permission, entry]]));
    else taken.set(permission, entry);
  }
}

function forget(contents: Contents, kind: EventKind, key: string): void {
  contents.entries[kind].delete(key);
  if (kind !== 'role_permission') return;
  const [role, permission] = splitRolePermission(key);
  const taken = contents.takenFromRole.get(role);
  taken?.delete(permission);
  if (taken?.size === 0) contents.takenFromRole.delete(role);
}

/** Permissions contain no space, since they are separated by spaces in `scope`. */
function splitRolePermission(key: string): [role: string, permission: string] {
  const space = key.lastIndexOf(' ');
  return [key.slice(0, space), key.slice(space + 1)];
}
