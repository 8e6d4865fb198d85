import { medians } from './statistics.js';

/** Seconds that each subject is measured at a time. */
const SLICE = 2;
/** Before this many calls the compiler has not seen enough to do its best. */
const WARM = 30_000;
/** Share of the time that warming up may take. */
const WARM_UP_SHARE = 0.3;

/**
 * Measures all subjects in turn, again and again, so that whatever else the machine does meanwhile hits all alike. What comes before they are
 * warm does not count.
 *
 * @param subjects name → a function that measures for so many seconds and gives a record of numbers, `calls` among them
 * @returns name → the medians of its records; and how many rounds of slices of so many seconds there were
 */
export async function inRotation(subjects, seconds) {
  const entries = Object.entries(subjects);
  const end = performance.now() + seconds * 1000;
  for (const [, measure] of entries) await warmUp(measure, (seconds * WARM_UP_SHARE) / entries.length);

  const left = (end - performance.now()) / 1000;
  const rounds = Math.max(1, Math.round(left / (SLICE * entries.length)));
  const slice = Math.max(0.1, left / (rounds * entries.length));
  const records = Object.fromEntries(entries.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of entries) records[name].push(await measure(slice));
  }
  const results = entries.map(([name]) => [name, medians(records[name])]);
  return { rounds, slice, results: Object.fromEntries(results) };
}

async function warmUp(measure, seconds) {
  const end = performance.now() + seconds * 1000;
  const slice = Math.min(0.5, seconds);
  for (let calls = 0; calls < WARM && performance.now() < end;) calls += (await measure(slice)).calls;
}
