import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Problem } from '../common/problem.js';
import { HashQueue } from './hash-queue.js';

/** Work that ends when the test says so, on a clock that the test moves. */
function setUp(concurrency: number, capacity: number) {
  let now = 0;
  const started: string[] = [];
  const finishers = new Map<string, () => void>();
  const finished = new Set<string>();
  const queue = new HashQueue(concurrency, capacity, { now: () => new Date(now), monotonic: () => now });
  return {
    started,
    pass: (ms: number) => (now += ms),
    run: (name: string, signal?: AbortSignal) =>
      queue.run(() => {
        started.push(name);
        if (finished.has(name)) return Promise.resolve(name);
        return new Promise<string>((resolve) => finishers.set(name, () => resolve(name)));
      }, signal),
    requireRoom: () => queue.requireRoom(),
    runFailing: () => queue.run(() => Promise.reject(new Error('broken'))),
    finish: (name: string) => {
      finished.add(name);
      finishers.get(name)?.();
    },
  };
}

describe('HashQueue', () => {
  it('runs as many at once as it may, and the others in the order in which they came', async () => {
    const { run, started, finish } = setUp(2, 10);
    const all = ['a', 'b', 'c', 'd'].map((name) => run(name));
    expect(started).toEqual(['a', 'b']);
    finish('b');
    await expect(all[1]).resolves.toBe('b');
    expect(started).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) finish(name);
    await Promise.all([all[0], all[2]]);
    finish('d');
    await expect(Promise.all(all)).resolves.toEqual(['a', 'b', 'c', 'd']);
  });

  it('turns away what finds the queue full, and tells when to come back', async () => {
    const { run, finish, pass } = setUp(1, 3);
    const first = run('a');
    pass(10_050);
    finish('a');
    await first;
    for (const name of ['b', 'c', 'd', 'e']) void run(name);
    // The average is now 1050 ms, and four rounds are ahead.
    const refusal = await run('f').catch((error: unknown) => error as Problem);
    expect(refusal).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '5' } });
  });

  it('tells beforehand who would be turned away', async () => {
    const { run, requireRoom, finish } = setUp(1, 1);
    const first = run('a');
    requireRoom();
    const second = run('b');
    expect(requireRoom).toThrow('Too many passwords');
    finish('a');
    await first;
    requireRoom();
    finish('b');
    await second;
    requireRoom();
  });

  it('has room as long as somebody may run, even where nobody may wait', async () => {
    const { run, requireRoom, finish } = setUp(1, 0);
    requireRoom();
    const first = run('a');
    expect(requireRoom).toThrow('Too many passwords');
    finish('a');
    await first;
    requireRoom();
  });

  it('passes the place on when work fails', async () => {
    const { run, runFailing, finish } = setUp(1, 1);
    const failing = runFailing();
    const next = run('a');
    await expect(failing).rejects.toThrow('broken');
    finish('a');
    await expect(next).resolves.toBe('a');
  });

  it('frees the place in the queue of a request that went away', async () => {
    const { run, started, finish } = setUp(1, 1);
    const first = run('a');
    const gone = new AbortController();
    const second = run('b', gone.signal);
    gone.abort();
    await expect(second).rejects.toThrow('went away');
    const third = run('c');
    finish('a');
    await first;
    finish('c');
    await expect(third).resolves.toBe('c');
    expect(started).toEqual(['a', 'c']);
    await expect(run('d', gone.signal)).rejects.toThrow('went away');
  });

  it('never runs more at once than it may, and loses nothing', async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 30 }));
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(3), { maxLength: 30 }), async ([concurrency, capacity], turns) => {
        const queue = new HashQueue(concurrency, capacity, { now: () => new Date(0), monotonic: () => 0 });
        let running = 0;
        let most = 0;
        const outcomes = await Promise.allSettled(
          turns.map((ticks) =>
            queue.run(async () => {
              most = Math.max(most, ++running);
              for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
              running--;
            }),
          ),
        );
        expect(most).toBeLessThanOrEqual(concurrency);
        const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
        expect(done).toBe(Math.min(turns.length, concurrency + capacity));
      }),
    );
  });
});
