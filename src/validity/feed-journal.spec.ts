import { describe, expect, it } from '@jest/globals';
import type { CatchUp, ValidityEvent } from '@portcullis/verifier';
import fc from 'fast-check';
import { FeedJournal } from './feed-journal.js';

const event = (seq: number, key = String(seq)): ValidityEvent => ({
  kind: 'client',
  key,
  seq,
  reason: 'client_disabled',
});
const answer = (seq: number, events: ValidityEvent[] = [], floor = 0): CatchUp => ({
  seq,
  floor,
  keepSeconds: 300,
  keepAccessSeconds: 300,
  events,
});

describe('the journal of the feed', () => {
  it('knows nothing before it began', () => {
    const journal = new FeedJournal();
    expect(journal.since(0)).toBeUndefined();
    journal.note(answer(10), 8);
    expect(journal.since(9)).toBeUndefined();
    expect(journal.since(10)).toEqual([]);
  });

  it('begins with the newest of the whole window, so that an instance that was just started answers followers of another', () => {
    const journal = new FeedJournal(2);
    journal.note(answer(10, [event(4), event(9), event(3)], 2), 0);
    expect(journal.since(2)).toBeUndefined();
    expect(journal.since(3)).toEqual([event(4), event(9)]);
    expect(journal.since(9)).toEqual([]);
    journal.note(answer(10, [event(4), event(9)], 2), 0);
    expect(journal.since(1)).toBeUndefined();
    expect(journal.since(2)).toEqual([event(4), event(9)]);
  });

  it('gives what came after, oldest first, however an answer was ordered', () => {
    const journal = new FeedJournal();
    journal.note(answer(10), 0);
    journal.note(answer(13, [event(13), event(12)]), 10);
    journal.note(answer(15, [event(15)]), 13);
    expect(journal.since(10)?.map(({ seq }) => seq)).toEqual([12, 13, 15]);
    expect(journal.since(12)?.map(({ seq }) => seq)).toEqual([13, 15]);
    expect(journal.since(15)).toEqual([]);
  });

  it('begins anew where an answer does not continue it, as after a restored backup', () => {
    const journal = new FeedJournal();
    journal.note(answer(10), 0);
    journal.note(answer(13, [event(12)]), 10);
    journal.note(answer(8, [event(7)]), 0);
    expect(journal.since(6)).toEqual([event(7)]);
    journal.note(answer(9, [event(9)]), 8);
    expect(journal.since(6)).toEqual([event(7), event(9)]);
  });

  it('never leaves out an event that it says it knows, however little it may remember', () => {
    const batches = fc.array(fc.array(fc.nat({ max: 3 }), { maxLength: 6 }), { maxLength: 20 });
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 8 }), (steps, limit) => {
        const journal = new FeedJournal(limit);
        journal.note(answer(100), 0);
        const all: ValidityEvent[] = [];
        let position = 100;
        for (const gaps of steps) {
          let seq = position;
          const events = gaps.map((gap, index) =>
            event((seq += gap === 0 && index > 0 ? 0 : gap + 1), `${all.length}-${index}`),
          );
          journal.note(answer(seq, events), position);
          all.push(...events);
          position = seq;
          for (let after = 99; after <= position; after++) {
            const known = journal.since(after);
            if (known) expect(known).toEqual(all.filter((e) => e.seq > after));
          }
          expect(journal.since(position)).toEqual([]);
        }
      }),
    );
  });
});
