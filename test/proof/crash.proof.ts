import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { CrashRun } from './support/crash-run.js';
import { sized } from './support/size.js';

jest.setTimeout(900_000);

const ROUNDS = sized(20);

let database: TestDatabase;
let runs: CrashRun[];

beforeAll(async () => {
  database = await createDatabase('empty');
  runs = [new CrashRun(), new CrashRun(database)];
});
afterAll(async () => {
  for (const run of runs) await run.end();
  await database.drop();
});

it(`kill -9 in the middle of writes, ${ROUNDS} times each with the embedded and an external database, loses and halves nothing`, async () => {
  // Side by side, as each mostly waits for one thing at a time.
  const ends = await Promise.allSettled(runs.map((run) => run.crash(ROUNDS)));
  expect(ends.map((end) => (end.status === 'rejected' ? end.reason : 'well') as unknown)).toEqual(['well', 'well']);
});
