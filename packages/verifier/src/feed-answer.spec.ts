import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FeedAnswerReader } from './feed-answer.js';

/** What is read of a text that comes in parts of this size. */
function read(text: string, size: number): unknown {
  const reader = new FeedAnswerReader();
  for (let at = 0; at < text.length; at += size) reader.push(text.slice(at, at + size));
  return reader.end();
}

const nasty = fc.constantFrom(
  '},{',
  '},{"kind":"',
  '"',
  '\\',
  '\\"},{\\"kind\\":\\"',
  '{"events":[',
  ']',
  'u1',
  '\u{1F511}',
);
const event = fc.record({
  kind: fc.constantFrom('user', 'role'),
  key: fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
  seq: fc.nat(),
  reason: nasty,
});

describe('FeedAnswerReader', () => {
  it('reads what JSON.parse reads, whatever names contain and however the text is cut', () => {
    const filler = 'x'.repeat(30_000);
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.integer({ min: 1_000, max: 70_000 }), (events, size) => {
        // So long that it is parsed in pieces.
        const long = events.flatMap((it) => [it, { ...it, key: it.key + filler }]);
        const answer = { events: long, seq: 10, floor: 0 };
        const text = JSON.stringify(answer);
        expect(read(text, size)).toEqual(answer);
      }),
      { numRuns: 60 },
    );
  });

  it('reads an answer that is written otherwise', () => {
    const events = Array.from({ length: 5_000 }, (_, seq) => ({ seq, reason: '', kind: 'user', key: 'u1' }));
    const answer = { seq: 10, events };
    for (const text of [JSON.stringify(answer), JSON.stringify({ events, seq: 10 }, null, 1), '{"events":[]}']) {
      expect(read(text, 4_096)).toEqual(JSON.parse(text));
    }
  });

  it.each([0, 1, 199_999])('reads nothing of a text that is cut off (%i)', (length) => {
    const events = Array.from({ length: 5_000 }, (_, seq) => ({ kind: 'user', key: 'u1', seq, reason: '' }));
    const text = JSON.stringify({ events, seq: 10 }).slice(0, length);
    expect(() => read(text, 10_000)).toThrow(SyntaxError);
  });

  it('reads nothing of a text that is broken in the middle', () => {
    const events = Array.from({ length: 5_000 }, (_, seq) => ({ kind: 'user', key: 'u1', seq, reason: '' }));
    const text = JSON.stringify({ events, seq: 10 });
    expect(() => read(`${text.slice(0, 50_000)}"${text.slice(50_000)}`, 10_000)).toThrow(SyntaxError);
  });
});
