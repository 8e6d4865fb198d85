import { describe, expect, it } from '@jest/globals';
import { validate, version } from 'uuid';
import { requestId } from './request-id.js';

describe('a new request id', () => {
  it('is a UUID of version 7 that tells the time', () => {
    const before = Date.now();
    const id = requestId(undefined);
    expect(validate(id)).toBe(true);
    expect(version(id)).toBe(7);
    const time = parseInt(id.replace('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it('is never the same twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => requestId(undefined))).size).toBe(10_000);
  });
});

describe("the caller's request id", () => {
  it.each(['trace-4711', 'A.b_c-12', 'x'.repeat(64)])('is kept: %s', (id) => {
    expect(requestId(id)).toBe(id);
  });

  it.each([['short'], ['x'.repeat(65)], ['with space'], ['line\nbreak'], [''], [['trace-4711', 'trace-4712']]])(
    'is replaced: %p',
    (id) => {
      expect(version(requestId(id))).toBe(7);
    },
  );
});
