import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StaleWindowError } from './errors.js';
import type { CatchUp } from './events.js';
import { WindowFollower } from './follower.js';
import { ValidityWindow } from './window.js';

const TIMEOUT_MS = 100;
const ANSWER: CatchUp = { seq: 10, floor: 0, keepSeconds: 3600, keepAccessSeconds: 300, events: [] };

let signals: AbortSignal[];
let hangs: boolean;
let follower: WindowFollower;

const now = (): number => performance.now();

/** Lets `ms` pass, with all timers, immediates and promises that fall due. */
async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

beforeEach(() => {
  jest.useFakeTimers();
  signals = [];
  hangs = false;
  const source = (_after: number, signal: AbortSignal): Promise<CatchUp> => {
    signals.push(signal);
    return hangs ? new Promise(() => undefined) : Promise.resolve(ANSWER);
  };
  follower = new WindowFollower(source, new ValidityWindow(), { timeoutMs: TIMEOUT_MS });
});

afterEach(() => {
  follower.stop();
  jest.useRealTimers();
});

describe('polling', () => {
  it('keeps the window current while it is used, and stops when it is not', async () => {
    follower.poll(25);
    await pass(500);
    expect(signals).toHaveLength(0);
    for (let i = 0; i < 20; i++) {
      follower.touch();
      await pass(100);
      expect(follower.freshSince(now() - 50)).toBeUndefined();
    }
    expect(signals.length).toBeGreaterThan(70);
    expect(signals.length).toBeLessThan(90);
    await pass(1_100);
    const { length } = signals;
    await pass(5_000);
    expect(signals).toHaveLength(length);
    follower.touch();
    expect(signals).toHaveLength(length + 1);
  });

  it('does nothing unless it is asked for', async () => {
    follower.touch();
    await pass(100);
    expect(signals).toHaveLength(0);
  });

  it('does not add to a catch-up under way', async () => {
    hangs = true;
    follower.poll(25);
    follower.touch();
    await pass(TIMEOUT_MS - 1);
    expect(signals).toHaveLength(1);
  });
});

describe('stop', () => {
  it('ends everything at once', async () => {
    hangs = true;
    follower.poll(25);
    follower.touch();
    const refused = expect(follower.freshSince(now())).rejects.toBeInstanceOf(StaleWindowError);
    await pass(1);
    follower.stop();
    await refused;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    hangs = false;
    follower.touch();
    await pass(1_000);
    expect(signals).toHaveLength(1);
    await expect(follower.freshSince(now())).rejects.toBeInstanceOf(StaleWindowError);
    expect(jest.getTimerCount()).toBe(0);
  });
});
