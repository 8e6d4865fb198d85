import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StaleWindowError } from './errors.js';
import type { CatchUp } from './events.js';
import { WindowFollower } from './follower.js';
import { ValidityWindow } from './window.js';

const TIMEOUT_MS = 100;
/** Giving up waits for one more turn of the event loop, which the clock of these tests takes for a millisecond. */
const GIVEN_UP_MS = TIMEOUT_MS + 1;

function answer(seq: number, overrides: Partial<CatchUp> = {}): CatchUp {
  return { seq, floor: 0, keepSeconds: 3600, keepAccessSeconds: 300, events: [], ...overrides };
}

interface Asked {
  after: number;
  signal: AbortSignal;
  sentAt: number;
  answer: (answer: CatchUp) => void;
  fail: (error: Error) => void;
}

/** Every catch-up that was sent, to be answered by the test. */
let asked: Asked[];
let window: ValidityWindow;
let follower: WindowFollower;

const now = (): number => performance.now();

function source(after: number, signal: AbortSignal): Promise<CatchUp> {
  return new Promise((resolve, reject) => {
    asked.push({ after, signal, sentAt: now(), answer: resolve, fail: reject });
  });
}

/** Lets `ms` pass, with all timers, immediates and promises that fall due. */
async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

function last(): Asked {
  const catchUp = asked.at(-1);
  if (catchUp === undefined) throw new Error('nothing was asked');
  return catchUp;
}

async function loaded(seq = 10): Promise<void> {
  const fresh = follower.freshSince(now());
  await pass(1);
  last().answer(answer(seq));
  await fresh;
  asked = [];
}

beforeEach(() => {
  jest.useFakeTimers();
  asked = [];
  window = new ValidityWindow();
  follower = new WindowFollower(source, window, { timeoutMs: TIMEOUT_MS });
});

afterEach(() => {
  follower.stop();
  jest.useRealTimers();
});

describe('freshSince', () => {
  it('asks for the whole window first, then for what follows', async () => {
    await loaded(10);
    await pass(1);
    const fresh = follower.freshSince(now());
    await pass(1);
    expect(asked.map(({ after }) => after)).toEqual([10]);
    last().answer(answer(12));
    await fresh;
    expect(window.seq).toBe(12);
  });

  it('is undefined when the window is fresh enough, as of the moment when the request was sent', async () => {
    const arrivedAt = now();
    void follower.freshSince(arrivedAt);
    await pass(1);
    const { sentAt } = last();
    await pass(50);
    last().answer(answer(10));
    await pass(0);
    expect(follower.freshSince(arrivedAt)).toBeUndefined();
    expect(follower.freshSince(sentAt)).toBeUndefined();
    expect(follower.freshSince(sentAt + 1)).toBeInstanceOf(Promise);
  });

  it('is never undefined before the first answer, however stale the window may be', () => {
    expect(follower.freshSince(-Infinity)).toBeInstanceOf(Promise);
  });

  it('sends one catch-up for all callers of one turn', async () => {
    const callers = Array.from({ length: 100 }, async () => {
      await follower.freshSince(now());
    });
    expect(asked).toHaveLength(0);
    await pass(1);
    expect(asked).toHaveLength(1);
    last().answer(answer(10));
    await expect(Promise.all(callers)).resolves.toHaveLength(100);
  });

  it('never has two under way; who comes too late for the first shares a second', async () => {
    const first = follower.freshSince(now());
    await pass(1);
    await pass(5);
    const second = follower.freshSince(now());
    await pass(5);
    const third = follower.freshSince(now());
    await pass(5);
    expect(asked).toHaveLength(1);
    last().answer(answer(10));
    await first;
    expect(asked).toHaveLength(2);
    expect(window.seq).toBe(10);
    last().answer(answer(11));
    await Promise.all([second, third]);
    await pass(50);
    expect(asked).toHaveLength(2);
  });

  it('lets who may be decided on older facts share the one under way', async () => {
    void follower.freshSince(now());
    await pass(20);
    const tolerant = follower.freshSince(now() - 30);
    last().answer(answer(10));
    await tolerant;
    expect(asked).toHaveLength(1);
  });

  it('counts how long the source waited before it read, but never more than has passed', async () => {
    void follower.freshSince(now());
    await pass(1);
    const { sentAt } = last();
    await pass(60);
    last().answer(answer(10, { waitedMs: 40 }));
    await pass(0);
    expect(follower.freshSince(sentAt + 40)).toBeUndefined();
    expect(follower.freshSince(sentAt + 41)).toBeInstanceOf(Promise);
    await pass(1);
    last().answer(answer(10, { waitedMs: 1e9 }));
    const receivedAt = now();
    await pass(0);
    expect(follower.freshSince(receivedAt)).toBeUndefined();
    expect(follower.freshSince(receivedAt + 1)).toBeInstanceOf(Promise);
  });

  it.each([Infinity, NaN, 1e12])('takes the moment %p, which nothing can show yet, for now', async (moment) => {
    const fresh = follower.freshSince(moment);
    await pass(1);
    last().answer(answer(10));
    await fresh;
    await pass(50);
    expect(asked).toHaveLength(1);
  });

  it('answers a later caller of the same turn by what is fresh enough for him', async () => {
    void follower.freshSince(now());
    await pass(10);
    const tolerant = follower.freshSince(now() - 50);
    last().answer(answer(10));
    await tolerant;
    const strict = follower.freshSince(now());
    await pass(1);
    expect(asked).toHaveLength(2);
    last().answer(answer(11));
    await strict;
  });
});

describe('a source that hangs', () => {
  it('is given up in time, told so, and its callers get a StaleWindowError', async () => {
    const refused = expect(follower.freshSince(now())).rejects.toMatchObject({ code: 'validity_unknown' });
    await pass(GIVEN_UP_MS);
    await refused;
    await pass(1);
    expect(last().signal.aborted).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it('is not listened to when it answers after all', async () => {
    void follower.freshSince(now());
    await pass(TIMEOUT_MS + 1);
    last().answer(answer(10));
    await pass(10);
    expect(window.loaded).toBe(false);
    expect(follower.freshSince(0)).toBeInstanceOf(Promise);
  });

  it('does not take the chance of those who queued behind it', async () => {
    void follower.freshSince(now());
    await pass(60);
    const queued = follower.freshSince(now());
    await pass(TIMEOUT_MS - 59);
    expect(asked).toHaveLength(2);
    last().answer(answer(10));
    await queued;
  });

  it('leaves nobody waiting longer than the timeout, whenever he came', async () => {
    const waited: number[] = [];
    for (let i = 0; i < 30; i++) {
      const calledAt = now();
      follower.freshSince(calledAt)?.then(
        () => waited.push(Infinity),
        () => waited.push(now() - calledAt),
      );
      await pass(13);
    }
    await pass(GIVEN_UP_MS);
    expect(waited).toHaveLength(30);
    expect(Math.max(...waited)).toBeLessThanOrEqual(GIVEN_UP_MS);
    await pass(16 * TIMEOUT_MS);
    expect(asked.filter(({ signal }) => !signal.aborted)).toHaveLength(0);
  });

  it('gets twice the time for the next catch-up, so that a window that takes long arrives at last; its callers do not wait for it', async () => {
    const limits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const refused = expect(follower.freshSince(now())).rejects.toMatchObject({ code: 'validity_unknown' });
      await pass(GIVEN_UP_MS);
      await refused;
      const { sentAt, signal } = last();
      while (!signal.aborted) await pass(1);
      limits.push(now() - sentAt);
    }
    expect(limits).toEqual([1, 2, 4, 8, 16, 16].map((times) => times * TIMEOUT_MS + 1));

    await loaded(10);
    await pass(1);
    void follower.freshSince(now());
    await pass(TIMEOUT_MS + 1);
    expect(last().signal.aborted).toBe(true);
  });

  it('serves again once the source does', async () => {
    void follower.freshSince(now());
    await pass(TIMEOUT_MS + 1);
    await loaded(10);
    expect(window.seq).toBe(10);
  });
});

describe('a source that fails', () => {
  it('fails those who waited for it, with the cause, and is not asked again until somebody comes', async () => {
    const cause = new Error('connection refused');
    const refused = expect(follower.freshSince(now())).rejects.toMatchObject({ code: 'validity_unknown', cause });
    await pass(1);
    last().fail(cause);
    await refused;
    await pass(10_000);
    expect(asked).toHaveLength(1);
    void follower.freshSince(now());
    await pass(1);
    expect(asked).toHaveLength(2);
  });

  it('may as well throw', async () => {
    const cause = new Error('no pool');
    const broken = new WindowFollower(() => {
      throw cause;
    }, window);
    const refused = expect(broken.freshSince(now())).rejects.toMatchObject({ code: 'validity_unknown', cause });
    await pass(1);
    await refused;
  });

  it('is asked anew for those who came after it was asked', async () => {
    const first = expect(follower.freshSince(now())).rejects.toBeInstanceOf(StaleWindowError);
    await pass(5);
    const second = follower.freshSince(now());
    await pass(5);
    last().fail(new Error('reset'));
    await first;
    last().answer(answer(10));
    await second;
    expect(asked).toHaveLength(2);
  });

  it('leaves the window as it was with a malformed answer', async () => {
    await loaded(10);
    await pass(1);
    const refused = expect(follower.freshSince(now())).rejects.toMatchObject({
      cause: expect.any(TypeError) as unknown,
    });
    await pass(1);
    last().answer(answer(12, { floor: 13 }));
    await refused;
    expect(window.seq).toBe(10);
  });
});

describe('reloading', () => {
  it('asks for the whole window before anything is declared fresh', async () => {
    await loaded(10);
    await pass(1);
    let fresh = false;
    void follower.freshSince(now())?.then(() => (fresh = true));
    await pass(1);
    last().answer(answer(5));
    await pass(1);
    expect(asked.map(({ after }) => after)).toEqual([10, 0]);
    expect(fresh).toBe(false);
    expect(window.seq).toBe(10);
    last().answer(answer(5));
    await pass(0);
    expect(fresh).toBe(true);
    expect(window.seq).toBe(5);
  });

  it('counts as one catch-up that must be done in time', async () => {
    await loaded(10);
    await pass(1);
    const refused = expect(follower.freshSince(now())).rejects.toBeInstanceOf(StaleWindowError);
    await pass(60);
    last().answer(answer(30, { floor: 20 }));
    await pass(60);
    await refused;
    expect(last().signal.aborted).toBe(true);
  });
});

describe('now', () => {
  it('is the clock of this machine until the source tells its own', async () => {
    expect(follower.now()).toBe(Date.now());
    await loaded(10);
    expect(follower.now()).toBe(Date.now());
  });

  it('goes on from the clock of the truth, and is not behind it', async () => {
    void follower.freshSince(now());
    await pass(21);
    const underWay = now() - last().sentAt;
    last().answer(answer(10, { now: 5_000_000 }));
    await pass(0);
    expect(follower.now()).toBe(5_000_000 + underWay);
    await pass(1_000);
    expect(follower.now()).toBe(5_001_000 + underWay);
  });
});
