import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { CatchUp, EventKind } from './events.js';
import { clock, later, Network, NOW, Truth, type Fate, type State } from './feed.model.js';
import { LongPollFollower } from './long-poll-follower.js';
import { outrunsWindow, refusalOf, strippedBy } from './refusal.js';
import type { VerifiedToken } from './verified-token.js';
import { ValidityWindow, type Applied } from './window.js';

// The properties take long on a busy machine.
jest.setTimeout(600_000);

/** `PROPERTY_RUNS=100000` tells more stories. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 500);
/** The longest pause between two attempts of the follower, in ms. */
const LONGEST_RETRY_MS = 2_000;

/** The real one. */
const nextTurn = setImmediate;

/** The roles that are left to who sends the token; null when it is refused. Told from a state of the database, the plain way. */
function rolesByTruth({ seq, floor, rows }: State, { asOf, claims, kid }: VerifiedToken): string[] | null {
  const ended = (kind: EventKind, key: string | undefined): boolean => (rows.get(`${kind} ${key}`)?.seq ?? 0) > asOf;
  if (rows.has(`signing_key ${kid}`) || asOf < floor || asOf > seq) return null;
  if (ended('global', '*') || ended('user', claims.sub) || ended('client', claims.client_id)) return null;
  if (ended('session', claims.sid)) return null;
  return (claims.roles ?? []).filter((role) => !ended('role', role));
}

function rolesByWindow(window: ValidityWindow, token: VerifiedToken): string[] | null {
  if (refusalOf(token, window, NOW) !== null) return null;
  const gone = strippedBy(token, window)?.roles;
  return token.principal.roles.filter((role) => gone?.has(role) !== true);
}

/** A window that notes when the truth was read that it last took over as a whole. */
class WatchedWindow extends ValidityWindow {
  wholeReadAt = -Infinity;
  /** How often it took something over. */
  changes = 0;

  override apply(answer: CatchUp, after: number): Applied {
    const applied = super.apply(answer, after);
    this.changes += 1;
    if (after === 0) this.wholeReadAt = answer.now ?? -Infinity;
    return applied;
  }
}

const ms = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 3, arbitrary: fc.integer({ min: 30, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 300, max: 4_000 }) },
);

const fate: fc.Arbitrary<Fate> = fc.record({
  what: fc.oneof(
    { weight: 10, arbitrary: fc.constant('answered' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom('lost', 'answer lost', 'refused', 'delivered twice', 'garbled'),
    },
  ),
  thereMs: ms,
  backMs: ms,
  readMs: fc.nat(15),
  generous: fc.boolean(),
  heedsSignal: fc.boolean(),
  inParts: fc.boolean(),
});

const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('note' as const),
      kind: fc.constantFrom<EventKind>('user', 'user', 'session', 'client', 'role', 'signing_key', 'global'),
      which: fc.nat(2),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('mint' as const), which: fc.nat(59) }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('decide' as const),
      maxStaleness: fc.constantFrom(0, 20, 100, 500, 2_000, 5_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const), count: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('backup' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), which: fc.option(fc.nat(2)) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('network' as const),
      state: fc.constantFrom<Network['state']>('up', 'up', 'silent', 'refusing'),
    }),
  },
);

const story = fc.record({
  waitMs: fc.constantFrom(50, 200, 2_000),
  timeoutMs: fc.constantFrom(100, 500, 2_000),
  fates: fc.array(fate, { minLength: 1, maxLength: 12 }),
  deeds: fc.array(fc.record({ afterMs: ms, deed }), { minLength: 10, maxLength: 50 }),
});

type Story = typeof story extends fc.Arbitrary<infer S> ? S : never;

/** Tells one story, and judges every decision in it. */
class Telling {
  readonly truth = new Truth();
  decided = 0;
  unknown = 0;
  readonly #network: Network;
  readonly #window = new WatchedWindow({ monotonic: clock });
  readonly #follower: LongPollFollower;
  #failure: Error | undefined;

  constructor(private readonly story: Story) {
    const { waitMs, timeoutMs, fates } = story;
    for (let which = 0; which < 4; which++) this.truth.mint(which);
    this.#network = new Network(this.truth, fates);
    const options = { waitSeconds: waitMs / 1000, timeoutMs, monotonic: clock, random: () => 1 };
    this.#follower = new LongPollFollower(this.#network.source, this.#window, options);
  }

  async tell(): Promise<void> {
    let at = 0;
    for (const { afterMs, deed } of this.story.deeds) {
      at += afterMs;
      later(at, () => {
        this.#do(deed);
      });
    }
    this.#follower.start();
    await this.#pass(() => clock() >= at);
    await this.#heal();
    this.#follower.stop();
    if (this.#failure) throw this.#failure;
  }

  /** What was under way is given up, and asked anew after the longest pause. */
  async #heal(): Promise<void> {
    this.#network.healed = true;
    const healedAt = clock();
    const { waitMs, timeoutMs } = this.story;
    const latest = healedAt + waitMs + 2 * timeoutMs + LONGEST_RETRY_MS + 100;
    await this.#pass(() => clock() >= latest || (this.#follower.freshAsOf ?? -Infinity) > healedAt);
    const { decided } = this;
    void this.#decide(0);
    await this.#pass(() => clock() >= latest || this.decided > decided);
    if (this.decided === decided) this.#failure ??= new Error('it is not fresh again although the network is');
  }

  /** Lets time go by until it is `over` or nothing is left to happen: every timer that falls due, and after each all that hangs on it. */
  async #pass(over: () => boolean): Promise<void> {
    let seen = '';
    await settled();
    while (!over() && jest.getTimerCount() > 0) {
      jest.advanceTimersToNextTimer();
      await settled();
      const { freshAsOf } = this.#follower;
      const now = `${this.#window.changes} ${freshAsOf}`;
      if (now !== seen && freshAsOf !== undefined) this.#judge(freshAsOf);
      seen = now;
    }
  }

  /** What is decided now must be as it was by the database at some moment since. */
  #judge(since: number): void {
    if (this.truth.between(since, clock()).some((state) => this.#isAsIn(state))) return;
    this.#failure ??= new Error(`at ${clock()} ms: decided as in no state since ${since} ms`);
  }

  #do(deed: Story['deeds'][number]['deed']): void {
    switch (deed.do) {
      case 'note':
        this.truth.note(deed.kind, deed.kind === 'global' ? '*' : nameOf(deed.kind, deed.which));
        break;
      case 'mint':
        this.truth.mint(deed.which);
        break;
      case 'trim':
        this.truth.trim(deed.count);
        break;
      case 'backup':
        this.truth.backup();
        break;
      case 'restore':
        this.truth.restore();
        // Before anyone can see by the number alone that it went back.
        if (deed.which !== null) this.truth.note('user', nameOf('user', deed.which));
        break;
      case 'network':
        this.#network.state = deed.state;
        break;
      case 'decide':
        void this.#decide(deed.maxStaleness);
    }
  }

  /** As `TokenVerifier` does for each request, but about all tokens at once. */
  async #decide(maxStaleness: number): Promise<void> {
    const arrivedAt = clock();
    try {
      await this.#follower.freshSince(arrivedAt - maxStaleness);
      const outrun = this.truth.tokens.some((token) => outrunsWindow(token, this.#window));
      if (outrun) await this.#follower.freshSince(arrivedAt);
    } catch {
      this.unknown += 1;
      return;
    }
    this.decided += 1;
    this.#judge(arrivedAt - maxStaleness);
  }

  /** Whether the window decides on every token as this state does. What a restore has lost may still count where nothing told of the restore. */
  #isAsIn(state: State): boolean {
    const mayRefuseMore = this.truth.restoredAt >= this.#window.wholeReadAt;
    return this.truth.tokens.every((token) => {
      const [is, shouldBe] = [rolesByWindow(this.#window, token), rolesByTruth(state, token)];
      if (mayRefuseMore) return is === null || is.every((role) => shouldBe?.includes(role) === true);
      return is?.join() === shouldBe?.join();
    });
  }
}

const nameOf = (kind: EventKind, which: number): string => (kind === 'role' ? `r${which}` : `${kind}${which}`);

/** All promises that can be settled are: nothing else comes before the next turn of the event loop. */
const settled = (): Promise<void> => new Promise<void>((resolve) => nextTurn(resolve));

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('LongPollFollower', () => {
  it('decides as the database would have at a moment no older than allowed, and is fresh again once it can be', async () => {
    let [decided, unknown] = [0, 0];
    await fc.assert(
      fc.asyncProperty(story, async (of) => {
        jest.clearAllTimers();
        const telling = new Telling(of);
        await telling.tell();
        decided += telling.decided;
        unknown += telling.unknown;
      }),
      { numRuns: RUNS },
    );
    // Otherwise it would have been shown of next to nothing.
    expect(decided).toBeGreaterThan(2 * RUNS);
    expect(unknown).toBeGreaterThan(RUNS / 2);
  });
});
