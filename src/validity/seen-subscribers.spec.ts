import { describe, expect, it } from '@jest/globals';
import { SeenSubscribers } from './seen-subscribers.js';

const seen = (most: number, ...names: [clientId: string, subscriber: string, position: number][]): SeenSubscribers => {
  const all = new SeenSubscribers(most);
  for (const [clientId, subscriber, position] of names) all.note({ clientId, subscriber, position });
  return all;
};

const names = (all: SeenSubscribers): string[] =>
  all.take().map(({ clientId, subscriber, position }) => `${clientId}/${subscriber}:${String(position)}`);

describe('subscribers seen', () => {
  it('are told once, with the newest position, sorted', () => {
    const all = seen(9, ['b', 'x', 1], ['a', 'z', 2], ['a', 'y', 3], ['b', 'x', 4]);
    expect(names(all)).toEqual(['a/y:3', 'a/z:2', 'b/x:4']);
    expect(names(all)).toEqual([]);
  });

  it('are of one client so many at most: those seen last, and none of the others is pushed out', () => {
    const flood = Array.from({ length: 1_000 }, (_, index): [string, string, number] => ['loud', `n${index}`, index]);
    const all = seen(
      3,
      ['quiet', 'q', 1],
      ['loud', 'kept', 2],
      ...flood.slice(0, 998),
      ['loud', 'kept', 3],
      ...flood.slice(998),
    );
    expect(names(all)).toEqual(['loud/kept:3', 'loud/n998:998', 'loud/n999:999', 'quiet/q:1']);
  });
});
