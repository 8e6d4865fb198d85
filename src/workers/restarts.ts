/** One worker that ended without having been told to. */
export interface Ending {
  /** On the monotonic clock, in ms. */
  readonly at: number;
  /** For how long it had served, in ms; 0 when it never did. */
  readonly served: number;
}

export type AfterEnding = { kind: 'replace'; afterMs: number } | { kind: 'give up' };

/** A worker that served for shorter than this, in ms, did not work. However long it took to start, which on a busy machine is long. */
export const SHORT_LIFE = 10_000;
/** Milliseconds during which short lives are counted together. */
const PERIOD = 300_000;
/** So many short lives in a period are no accident. */
const TOO_MANY = 5;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

/**
 * What to do about a worker that ended. After a long life another takes its place at once. After short lives, each time twice as late; and when there
 * are many, and nobody who works, not again: something is wrong that a start does not mend, and whoever supervises the service must know.
 *
 * @param endings of the past, the last one included
 * @param othersWork whether some other worker has served for longer than a short life
 */
export function afterEnding(endings: readonly Ending[], now: number, othersWork: boolean): AfterEnding {
  const short = endings.filter(({ at, served }) => served < SHORT_LIFE && now - at < PERIOD).length;
  if (short >= TOO_MANY && !othersWork) return { kind: 'give up' };
  return { kind: 'replace', afterMs: short === 0 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (short - 1)) };
}

/** Those of the past that still count. */
export function recentEndings(endings: readonly Ending[], now: number): Ending[] {
  return endings.filter(({ at }) => now - at < PERIOD);
}
