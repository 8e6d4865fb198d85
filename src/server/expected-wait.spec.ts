import { describe, expect, it } from '@jest/globals';
import { ExpectedWait } from './expected-wait.js';

function setUp() {
  let now = 1_000;
  const wait = new ExpectedWait(() => now);
  return {
    wait,
    pass: (ms: number) => (now += ms),
    /** One is served each so many ms, for so long, while so many wait. */
    serve: (eachMs: number, forMs: number, waiting: number) => {
      for (let ms = eachMs; ms <= forMs; ms += eachMs) {
        now += eachMs;
        wait.noteServed(waiting);
      }
    },
  };
}

describe('the wait to be expected', () => {
  it('is none where nobody waits', () => {
    const { wait, pass } = setUp();
    expect(wait.of(0)).toBe(0);
    pass(10_000);
    expect(wait.of(0)).toBe(0);
  });

  it('is unknown, and counts as none, until the queue has stood for a while', () => {
    const { wait, serve } = setUp();
    wait.of(0);
    serve(10, 240, 500);
    expect(wait.of(500)).toBe(0);
  });

  it('is the length of the queue at its pace', () => {
    const { wait, serve } = setUp();
    wait.of(0);
    serve(5, 500, 80);
    expect(wait.of(80)).toBeCloseTo(400);
    expect(wait.of(8)).toBeCloseTo(40);
  });

  it('begins anew when the queue was empty', () => {
    const { wait, serve } = setUp();
    serve(100, 1_000, 50);
    expect(wait.of(50)).toBeCloseTo(5_000);
    wait.noteServed(0);
    serve(1, 200, 50);
    expect(wait.of(50)).toBe(0);
    serve(1, 100, 50);
    expect(wait.of(50)).toBeCloseTo(50);
  });

  it('is endless when nobody is served any more, and follows when it goes on', () => {
    const { wait, pass, serve } = setUp();
    serve(1, 300, 50);
    pass(60_000);
    wait.of(50);
    pass(250);
    expect(wait.of(50)).toBeGreaterThan(5_000);
    for (let turn = 0; turn < 10; turn++) {
      serve(2, 250, 50);
      wait.of(50);
    }
    expect(wait.of(50)).toBeLessThan(150);
  });

  it('is endless for a queue that never moved', () => {
    const { wait, pass } = setUp();
    wait.of(0);
    pass(251);
    expect(wait.of(1)).toBe(Infinity);
    pass(10_000);
    expect(wait.of(1)).toBe(Infinity);
    wait.noteServed(1);
    expect(wait.of(1)).toBeLessThan(Infinity);
  });
});
