import { describe, expect, it } from '@jest/globals';
import { afterEnding, recentEndings, type Ending } from './restarts.js';

const NOW = 1_000_000;
const short = (ago: number): Ending => ({ at: NOW - ago, served: 2_000 });
const long = (ago: number): Ending => ({ at: NOW - ago, served: 10_000 });
const times = (count: number, ending: Ending): Ending[] => Array.from({ length: count }, () => ending);

describe('a worker that ended', () => {
  it.each<[string, Ending[], number]>([
    ['after a long life', [long(0)], 0],
    ['after a long life, like all the others', times(20, long(0)), 0],
    ['after a short life', [short(0)], 100],
    ['after another short life', [short(500), short(0)], 200],
    ['after four', times(4, short(0)), 800],
    ['after a short life, when others are long past', [...times(9, short(300_000)), short(0)], 100],
  ])('is replaced %s', (_, endings, afterMs) => {
    expect(afterEnding(endings, NOW, false)).toEqual({ kind: 'replace', afterMs });
  });

  it('is not replaced again and again', () => {
    expect(afterEnding(times(5, short(0)), NOW, false)).toEqual({ kind: 'give up' });
  });

  it('is, ever more slowly, while others work: they are not to end because of it', () => {
    expect(afterEnding(times(5, short(0)), NOW, true)).toEqual({ kind: 'replace', afterMs: 1_600 });
    expect(afterEnding(times(500, short(0)), NOW, true)).toEqual({ kind: 'replace', afterMs: 5_000 });
  });

  it('is forgotten after five minutes', () => {
    expect(recentEndings([short(300_000), long(299_999), short(0)], NOW)).toEqual([long(299_999), short(0)]);
  });
});
