import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CatchUp } from './events.js';
import { Freshness, LONGEST_NAP, type Reading } from './freshness.js';

/** A machine that may be suspended, and what it knows of a truth whose clock is the real time. In ms. */
class Machine {
  /** Nobody can see it. */
  real = 0;
  monotonic = 0;
  /** By how much somebody has set the time of day ahead. */
  set = 0;
  readonly freshness = new Freshness({ monotonic: () => this.monotonic, wall: () => this.real + this.set });

  run(ms: number): void {
    this.real += ms;
    this.monotonic += ms;
  }

  suspend(ms: number): void {
    this.real += ms;
  }

  answer(sent: Reading, { waitedMs = 0, now = this.real }: Partial<CatchUp> = {}): void {
    this.freshness.note({ seq: 1, floor: 0, keepSeconds: 1, keepAccessSeconds: 1, events: [], waitedMs, now }, sent);
  }

  /** A question that is answered at once. */
  ask(): void {
    this.answer(this.freshness.reading());
  }
}

describe('after a suspension', () => {
  it('nothing is fresh before the next answer, and the time of day is the later one', () => {
    const machine = new Machine();
    machine.ask();
    machine.run(50);
    expect(machine.freshness.reaches(0)).toBe(true);
    machine.suspend(3_600_000);
    expect(machine.freshness.reaches(0)).toBe(false);
    expect(machine.freshness.age).toBe(3_600_050);
    expect(machine.freshness.now()).toBe(machine.real);
    machine.ask();
    expect(machine.freshness.reaches(50)).toBe(true);
    expect(machine.freshness.age).toBe(0);
  });

  it('an answer that lay here meanwhile proves nothing, however long it says that it waited', () => {
    const machine = new Machine();
    const sent = machine.freshness.reading();
    machine.suspend(3_600_000);
    machine.answer(sent, { waitedMs: 1_800_000, now: 1_800_000 });
    expect(machine.freshness.reaches(0)).toBe(false);
    machine.ask();
    expect(machine.freshness.reaches(0)).toBe(true);
  });

  it('of a second at most, nothing is noticed; and somebody who sets the time of day costs a question', () => {
    const machine = new Machine();
    machine.ask();
    machine.suspend(LONGEST_NAP);
    expect(machine.freshness.reaches(0)).toBe(true);
    machine.set = -86_400_000;
    expect(machine.freshness.reaches(0)).toBe(true);
    machine.set = 86_400_000;
    expect(machine.freshness.reaches(0)).toBe(false);
    machine.ask();
    expect(machine.freshness.reaches(0)).toBe(true);
  });
});

const ms = fc.oneof(fc.nat(20), fc.nat(3_000), fc.nat(100_000));
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend' as const), ms }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), ms: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), ms: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('receive' as const), ms: fc.nat(5) }) },
);

/** Sent, then read by the source, then answered: in any order among several. */
interface Question {
  readonly sent: Reading;
  readonly sentAt: number;
  readAt?: number;
}

it('however it is suspended, and whichever answer comes first, knowledge is never older than it says by more than a nap', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = new Machine();
      const { freshness } = machine;
      const questions: Question[] = [];
      let newest = -Infinity;
      for (const { do: what, ms } of steps) {
        if (what === 'run') machine.run(ms);
        else if (what === 'suspend') machine.suspend(ms);
        else if (what === 'send') questions.push({ sent: freshness.reading(), sentAt: machine.real });
        else if (what === 'read') {
          const question = questions[ms % Math.max(1, questions.length)];
          if (question) question.readAt ??= machine.real;
        } else {
          const [question] = questions.splice(ms % Math.max(1, questions.length), 1);
          if (question?.readAt === undefined) continue;
          machine.answer(question.sent, { waitedMs: question.readAt - question.sentAt, now: question.readAt });
          // The window never goes back.
          newest = Math.max(newest, question.readAt);
        }
        if (freshness.asOf === undefined) continue;
        // Older than it says, although it says that it is fresh.
        if (freshness.reaches(freshness.asOf)) {
          expect(machine.real - newest).toBeLessThanOrEqual(machine.monotonic - freshness.asOf + LONGEST_NAP);
        }
        expect(freshness.now()).toBeGreaterThanOrEqual(machine.real - LONGEST_NAP);
      }
      machine.ask();
      expect(freshness.reaches(machine.monotonic)).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});
