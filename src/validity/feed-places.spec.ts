import { describe, expect, it } from '@jest/globals';
import { FeedPlaces } from './feed-places.js';

describe('places at the feed', () => {
  it('are so many for one, and so many for all', () => {
    const places = new FeedPlaces({ all: 5, ofOne: 3 });
    expect(['a', 'a', 'a', 'a', 'b', 'b', 'b'].map((owner) => places.take(owner) !== undefined)).toEqual([
      ...[true, true, true, false],
      ...[true, true, false],
    ]);
    expect(places.size).toBe(5);
  });

  it('are given back, each once', () => {
    const places = new FeedPlaces({ all: 5, ofOne: 1 });
    const leave = places.take('a');
    expect(places.take('a')).toBeUndefined();
    leave?.();
    leave?.();
    expect(places.size).toBe(0);
    expect(places.take('a')).toBeDefined();
    expect(places.take('a')).toBeUndefined();
  });
});
