import { beforeEach, describe, expect, it } from '@jest/globals';
import { StaleWindowError } from './errors.js';
import { Introspections } from './introspections.js';
import type { Introspection } from './introspection.js';

const ACTIVE: Introspection = { active: true, roles: [], permissions: [] };
const ENDED: Introspection = { ...ACTIVE, active: false };

let now: number;
let asked: { token: string; resolve: (answer: Introspection) => void; reject: (error: Error) => void }[];
let introspections: Introspections;

beforeEach(() => {
  now = 1_000;
  asked = [];
  introspections = new Introspections(
    (token) => new Promise((resolve, reject) => asked.push({ token, resolve, reject })),
    () => now,
  );
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('introspections', () => {
  it('of one token are one question for all who may share it', async () => {
    const all = Array.from({ length: 1_000 }, () => introspections.about('t1', 900));
    const other = introspections.about('t2', 900);
    expect(asked.map(({ token }) => token)).toEqual(['t1', 't2']);
    asked[0]?.resolve(ACTIVE);
    asked[1]?.resolve(ENDED);
    expect(new Set(await Promise.all(all))).toEqual(new Set([ACTIVE]));
    expect(await other).toBe(ENDED);
    // Nothing is remembered.
    void introspections.about('t1', 900);
    expect(asked).toHaveLength(3);
  });

  it('are not shared with a question that was sent before: those who need a later one share that', async () => {
    const early = introspections.about('t1', 1_000);
    now = 1_010;
    const late = Array.from({ length: 50 }, () => introspections.about('t1', 1_010));
    await turn();
    expect(asked).toHaveLength(1);
    asked[0]?.resolve(ACTIVE);
    expect(await early).toBe(ACTIVE);
    await turn();
    expect(asked).toHaveLength(2);
    asked[1]?.resolve(ENDED);
    expect(new Set(await Promise.all(late))).toEqual(new Set([ENDED]));
  });

  it('that fail do so for all who wait for them, and are asked anew by who comes later', async () => {
    const both = [introspections.about('t1', 0), introspections.about('t1', 2_000)];
    asked[0]?.reject(new Error('down'));
    for (const one of both) await expect(one).rejects.toThrow('down');
    const again = introspections.about('t1', 0);
    asked[1]?.resolve(ACTIVE);
    expect(await again).toBe(ACTIVE);
  });

  it('are a hundred at a time: whoever comes beyond is told at once that nothing is known', async () => {
    const all = Array.from({ length: 100 }, (_, index) => introspections.about(`t${String(index)}`, 0));
    await expect(introspections.about('one more', 0)).rejects.toBeInstanceOf(StaleWindowError);
    // Who shares one takes no place.
    const shared = introspections.about('t7', 0);
    for (const { resolve } of asked) resolve(ACTIVE);
    await Promise.all([...all, shared]);
    void introspections.about('one more', 0);
    expect(asked).toHaveLength(101);
  });
});
