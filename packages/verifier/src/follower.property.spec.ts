import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { CatchUp, EventKind, ValidityEvent } from './events.js';
import { WindowFollower } from './follower.js';
import { ValidityWindow } from './window.js';

// The properties take long on a busy machine.
jest.setTimeout(60_000);

type Rows = ReadonlyMap<string, ValidityEvent>;

interface State {
  seq: number;
  floor: number;
  rows: Rows;
}

/** A truth that moves on, forgets, and is restored from a backup now and then. */
class Truth {
  state: State = { seq: 1, floor: 0, rows: new Map() };
  #backup = this.state;
  #clock = 1;

  note(kind: EventKind, key: string): void {
    const event = { kind, key, seq: ++this.#clock, reason: '' };
    this.state = { ...this.state, seq: event.seq, rows: new Map(this.state.rows).set(`${kind} ${key}`, event) };
  }

  trim(count: number): void {
    const rows = new Map(this.state.rows);
    let { floor } = this.state;
    const oldest = [...rows].filter(([, { kind }]) => kind !== 'signing_key').sort(([, a], [, b]) => a.seq - b.seq);
    for (const [id, { kind, seq }] of oldest.slice(0, count)) {
      rows.delete(id);
      if (kind !== 'session') floor = seq;
    }
    this.state = { ...this.state, floor, rows };
  }

  backup(): void {
    this.#backup = this.state;
  }

  /** What happened since the backup is lost; the clock, which follows the time of day, is not set back. */
  restore(): void {
    this.state = this.#backup;
  }

  read(after: number): CatchUp {
    const { seq, floor, rows } = this.state;
    const events = [...rows.values()].filter((event) => event.seq > after).reverse();
    return { seq, floor, keepSeconds: 3600, keepAccessSeconds: 300, events };
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('note' as const),
      kind: fc.constantFrom<EventKind>('user', 'session', 'signing_key', 'client'),
      which: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const), count: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('backup' as const, 'restore' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('follow' as const, 'fail' as const, 'garble' as const) }) },
);

describe('WindowFollower', () => {
  it('shows what the truth holds, after any sequence of events, trims, restores, failures and garbled answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const truth = new Truth();
        let clock = 0;
        let mood: 'follow' | 'fail' | 'garble' = 'follow';
        let reloaded = false;
        let restored = false;
        const window = new ValidityWindow({ monotonic: () => clock });
        const source = (after: number): Promise<CatchUp> => {
          reloaded = after === 0;
          if (mood === 'fail') return Promise.reject(new Error('down'));
          const answer = truth.read(after);
          return Promise.resolve(mood === 'garble' ? { ...answer, floor: answer.seq + 1 } : answer);
        };
        const follower = new WindowFollower(source, window, {
          timeoutMs: 60_000,
          monotonic: () => clock,
          wall: () => clock,
        });

        const follow = async (next: typeof mood): Promise<void> => {
          mood = next;
          clock += 2_000;
          const before = { seq: window.seq, size: window.size };
          if (next === 'follow') {
            await follower.freshSince(clock);
            expectSame(window, truth.state, { reloaded, restored });
          } else {
            await expect(follower.freshSince(clock)).rejects.toMatchObject({ code: 'validity_unknown' });
            expect({ seq: window.seq, size: window.size }).toEqual(before);
          }
        };

        for (const next of steps) {
          if (next.do === 'note') truth.note(next.kind, `k${String(next.which)}`);
          else if (next.do === 'trim') truth.trim(next.count);
          else if (next.do === 'backup') truth.backup();
          else if (next.do === 'restore') {
            truth.restore();
            restored = true;
          } else await follow(next.do);
        }
        await follow('follow');
        follower.stop();
      }),
      { numRuns: 300 },
    );
  });
});

function expectSame(
  window: ValidityWindow,
  { seq, floor, rows }: State,
  { reloaded, restored }: { reloaded: boolean; restored: boolean },
): void {
  expect(window.seq).toBe(seq);
  expect(window.floor).toBe(floor);
  for (const { kind, key, seq: of } of rows.values()) {
    if (of <= floor && kind !== 'signing_key') continue;
    const entry = window.newest(kind, key);
    // A restore brings back what was trimmed. That moved no floor for sessions, since what it concerns has expired by itself.
    if (entry === undefined && restored && !reloaded && kind === 'session') continue;
    // After a restore without a reload an event that the truth lost may still stand here: it refuses more, never less.
    expect(entry?.seq).toBeGreaterThanOrEqual(of);
    expect(window.highest[kind]).toBeGreaterThanOrEqual(of);
    if (reloaded) expect(entry?.seq).toBe(of);
  }
  if (reloaded) {
    const needed = [...rows.values()].filter((event) => event.seq > floor || event.kind === 'signing_key');
    expect(window.size).toBe(needed.length);
  }
}
