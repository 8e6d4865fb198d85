import { afterEach, describe, expect, it } from '@jest/globals';
import { StaleWindowError } from './errors.js';
import type { CatchUp, ValidityEvent } from './events.js';
import { LongPollFollower, type LongPollOptions } from './long-poll-follower.js';
import { ValidityWindow } from './window.js';

interface Question {
  after: number;
  waitSeconds: number;
  signal: AbortSignal;
  answer: (answer: Partial<CatchUp>) => void;
  fail: () => void;
}

/** A source whose answers the test gives, one question at a time. */
class Source {
  private waiting: ((question: Question) => void)[] = [];
  private asked: Question[] = [];

  readonly ask = (after: number, waitSeconds: number, signal: AbortSignal): Promise<CatchUp> =>
    new Promise<CatchUp>((resolve, reject) => {
      const question: Question = {
        after,
        waitSeconds,
        signal,
        answer: (answer) => {
          resolve({ seq: after, floor: 0, keepSeconds: 300, keepAccessSeconds: 300, events: [], ...answer });
        },
        fail: () => {
          reject(new Error('refused'));
        },
      };
      const next = this.waiting.shift();
      if (next) next(question);
      else this.asked.push(question);
    });

  /** How many questions the test has not looked at. */
  get unheard(): number {
    return this.asked.length;
  }

  next(): Promise<Question> {
    const question = this.asked.shift();
    return question ? Promise.resolve(question) : new Promise((resolve) => this.waiting.push(resolve));
  }
}

const disabled = (seq: number): ValidityEvent => ({ kind: 'client', key: 'orders', seq, reason: 'client_disabled' });

let follower: LongPollFollower | undefined;
afterEach(() => follower?.stop());

function follow(options: Partial<LongPollOptions> = {}): { source: Source; follower: LongPollFollower } {
  const source = new Source();
  follower = new LongPollFollower(source.ask, new ValidityWindow({ hashedKeys: true }), { waitSeconds: 2, ...options });
  follower.start();
  return { source, follower };
}

describe('following the feed by long polls', () => {
  it('asks for the whole window first, then lets the source wait, and takes over what comes', async () => {
    const { source, follower } = follow();
    const first = await source.next();
    expect([first.after, first.waitSeconds]).toEqual([0, 0]);
    first.answer({ seq: 10 });
    const second = await source.next();
    expect([second.after, second.waitSeconds]).toEqual([10, 2]);
    second.answer({ seq: 12, events: [disabled(12)] });
    expect((await source.next()).after).toBe(12);
    expect(follower.window.newest('client', 'orders')?.seq).toBe(12);
  });

  it('is as fresh as the moment at which the question was sent, plus the wait that the source tells, and never more', async () => {
    let now = 1000;
    const { source, follower } = follow({ monotonic: () => now, wall: () => now });
    const first = await source.next();
    // However late the answer comes, it proves nothing about the time since the source read the truth.
    now = 4000;
    first.answer({ seq: 10, waitedMs: 500 });
    await source.next();
    expect(follower.freshAsOf).toBe(1500);
    expect(follower.freshSince(1500)).toBeUndefined();
  });

  it('believes no wait that is longer than the answer took', async () => {
    let now = 1000;
    const { source, follower } = follow({ monotonic: () => now, wall: () => now });
    const first = await source.next();
    now = 1200;
    first.answer({ seq: 10, waitedMs: 60_000 });
    await source.next();
    expect(follower.freshAsOf).toBe(1200);
  });

  it('asks anew after the machine was suspended, although the clock that only goes forward has not moved', async () => {
    let wall = 1_700_000_000_000;
    const { source, follower } = follow({ monotonic: () => 1000, wall: () => wall });
    (await source.next()).answer({ seq: 10 });
    await source.next();
    expect(follower.freshSince(1000)).toBeUndefined();
    wall += 3_600_000;
    const known = follower.freshSince(0);
    (await source.next()).answer({ seq: 10 });
    await expect(known).resolves.toBeUndefined();
    expect(follower.ageMs).toBe(0);
  });

  it('asks beside the question that waits when somebody needs to know now, once for all who do, and goes on waiting', async () => {
    const { source, follower } = follow();
    (await source.next()).answer({ seq: 10 });
    const waiting = await source.next();
    for (let round = 0; round < 3; round++) {
      const known = Array.from({ length: 100 }, () => follower.freshSince(follower.monotonic()));
      const aside = await source.next();
      expect([aside.after, aside.waitSeconds]).toEqual([10, 0]);
      aside.answer({ seq: 10 });
      for (const one of known) await one;
    }
    expect(source.unheard).toBe(0);
    expect(waiting.signal.aborted).toBe(false);
    waiting.answer({ seq: 11, events: [disabled(11)] });
    const next = await source.next();
    expect([next.after, next.waitSeconds]).toEqual([11, 2]);
  });

  it('asks once more for those who came after the question beside was sent', async () => {
    const { source, follower } = follow();
    (await source.next()).answer({ seq: 10 });
    await source.next();
    const first = follower.freshSince(follower.monotonic());
    const aside = await source.next();
    while (follower.monotonic() === performance.now()) await new Promise(setImmediate);
    const second = follower.freshSince(follower.monotonic());
    expect(source.unheard).toBe(0);
    aside.answer({ seq: 10 });
    await first;
    (await source.next()).answer({ seq: 10 });
    await second;
  });

  it('takes over whichever answer is newer, and nothing of one that it has gone beyond', async () => {
    const { source, follower } = follow();
    (await source.next()).answer({ seq: 10 });
    const waiting = await source.next();
    const known = follower.freshSince(follower.monotonic());
    (await source.next()).answer({ seq: 12, events: [disabled(12)] });
    await known;
    const next = await source.next();
    expect([next.after, next.waitSeconds, waiting.signal.aborted]).toEqual([12, 2, false]);
    waiting.answer({ seq: 11 });
    next.answer({ seq: 13 });
    expect((await source.next()).after).toBe(13);
    expect(follower.window.newest('client', 'orders')?.seq).toBe(12);
  });

  it('asks less often where nobody is let wait, but at once when somebody needs to know', async () => {
    const { source, follower } = follow();
    (await source.next()).answer({ seq: 10 });
    const times: number[] = [];
    for (let n = 0; n < 6; n++) {
      const question = await source.next();
      times.push(performance.now());
      question.answer({ seq: 10 });
    }
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(pauses[0]).toBeGreaterThan(15);
    expect(pauses[4]).toBeGreaterThan(300);
    // It is taken over, and then there is a pause.
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    const known = follower.freshSince(follower.monotonic());
    const asked = performance.now();
    (await source.next()).answer({ seq: 10 });
    await known;
    expect(performance.now() - asked).toBeLessThan(300);
    (await source.next()).answer({ seq: 11 });
    expect((await source.next()).after).toBe(11);
  });

  it('gives up both when the one beside fails', async () => {
    const { source, follower } = follow({ random: () => 0 });
    (await source.next()).answer({ seq: 10 });
    const waiting = await source.next();
    const known = follower.freshSince(follower.monotonic());
    (await source.next()).fail();
    await expect(known).rejects.toBeInstanceOf(StaleWindowError);
    expect(waiting.signal.aborted).toBe(true);
    (await source.next()).answer({ seq: 10 });
    expect((await source.next()).waitSeconds).toBe(2);
  });

  it('loads the whole window again when an answer does not continue it', async () => {
    const { source, follower } = follow();
    (await source.next()).answer({ seq: 10, events: [disabled(9)] });
    (await source.next()).answer({ seq: 8 });
    const whole = await source.next();
    expect(whole.after).toBe(0);
    whole.answer({ seq: 8 });
    await source.next();
    expect(follower.window.newest('client', 'orders')).toBeUndefined();
  });

  it('keeps nobody waiting while the source is known not to answer, and recovers by itself', async () => {
    const notices: (StaleWindowError | undefined)[] = [];
    const { source, follower } = follow({ onConnection: (error) => notices.push(error), random: () => 0 });
    (await source.next()).answer({ seq: 10 });
    (await source.next()).fail();
    const again = await source.next();
    await expect(follower.freshSince(follower.monotonic())).rejects.toBeInstanceOf(StaleWindowError);
    expect(again.waitSeconds).toBe(0);
    again.fail();
    (await source.next()).answer({ seq: 11 });
    await source.next();
    expect(notices.map((notice) => notice === undefined)).toEqual([false, true]);
    expect(follower.freshSince(follower.freshAsOf ?? Infinity)).toBeUndefined();
  });

  it('gives up a question that nobody answers', async () => {
    const { source, follower } = follow({ timeoutMs: 30 });
    const first = await source.next();
    await expect(follower.freshSince(0)).rejects.toBeInstanceOf(StaleWindowError);
    (await source.next()).answer({ seq: 3 });
    expect(first.signal.aborted).toBe(true);
  });
});
