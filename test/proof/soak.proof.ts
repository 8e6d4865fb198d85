import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { signIn } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { Churn } from './support/churn.js';
import { slope } from './support/statistics.js';
import { vitalsOf, type Vitals } from './support/vitals.js';

/** Ten, unless somebody who works on this is in a hurry. */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 10);
/** Share of the time in which caches fill and the compiler finds out what is hot. */
const WARM_UP = 0.3;
/** Milliseconds between looks. */
const INTERVAL = 2_000;
/** Looks of which the least counts: each hash under way adds 19 MiB, and garbage what it takes. There are five collections in the time of a group. */
const GROUP = 15;
/** Has the garbage collected each few seconds, as the service alone would not: what has not been collected yet is no leak. */
const COLLECTING = `
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  setInterval(runInNewContext('gc'), 6_000).unref();`;
/**
 * Growth per minute that is a leak (MiB). Without one the memory was measured to grow by 0.3 to 0.8 a minute after the first three, and the heap by
 * 0.1 to 0.2, with twice as many actions. At the 1,000 actions a minute and more of this churn the limits are at most 2 KiB and 500 bytes for each: less
 * than a session, a token or a request that stays behind each time.
 */
const MOST_GROWTH = { memory: 2, heap: 0.5 };
/** The pool of requests, and the two connections of the window. */
const MOST_CONNECTIONS = 10 + 2;
/**
 * Minutes that an event may be held: as long as the longest token here lives, until the keeper looks next, which is each a minute, and as much
 * again since machines are busy.
 */
const LONGEST_EVENT = 4;

jest.setTimeout((MINUTES + 5) * 60_000);

let database: TestDatabase;
let service: ServiceProcess;
let churn: Churn;

beforeAll(async () => {
  database = await createDatabase();
  service = await ServiceProcess.start({
    DATABASE_URL: database.url,
    PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    PORTCULLIS_RATE_LIMITS: 'off',
    PORTCULLIS_ACCESS_TOKEN_TTL: '30s',
    PORTCULLIS_MAX_TOKEN_TTL: '60s',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(COLLECTING)}`,
  });
  churn = new Churn(service.http.url, ADMIN);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

const look = (): Promise<Vitals> => vitalsOf(service.http, database);

/** Events are kept for ten minutes longer than any token lives, for slow followers. A soak that is not much longer lets these go by at once. */
const letTenMinutesGoBy = () =>
  database.query(
    `UPDATE validity_events SET expires_at = expires_at - interval '10 minutes' WHERE expires_at > now() AND expires_at < 'infinity'`,
  );

/** MiB per minute, along the least of each group of looks. */
function growth(looks: readonly { minutes: number; vitals: Vitals }[], of: 'memory' | 'heap'): number {
  const least: { x: number; y: number }[] = [];
  for (let n = 0; n < looks.length; n += GROUP) {
    const group = looks.slice(n, n + GROUP);
    least.push({ x: group[0]?.minutes ?? NaN, y: Math.min(...group.map(({ vitals }) => vitals[of])) });
  }
  return slope(least);
}

it('nothing grows, leaks or is forgotten in ten minutes of coming and going', async () => {
  await signIn(service.http, ADMIN);
  const before = await look();

  churn.start();
  const began = performance.now();
  const looks: { minutes: number; vitals: Vitals }[] = [];
  const minutesSoFar = (): number => (performance.now() - began) / 60_000;
  while (minutesSoFar() < MINUTES) {
    await delay(INTERVAL);
    await letTenMinutesGoBy();
    looks.push({ minutes: minutesSoFar(), vitals: await look() });
  }
  await churn.stop();

  const warm = looks.filter(({ minutes }) => minutes > MINUTES * WARM_UP);
  const most = (of: keyof Vitals, among = looks): number => Math.max(...among.map(({ vitals }) => vitals[of]));
  const first = warm[0]?.vitals ?? before;
  const last = warm.at(-1)?.vitals ?? before;
  const grows = { memory: growth(warm, 'memory'), heap: growth(warm, 'heap') };
  const actions = Object.values(churn.actions).reduce((sum, count) => sum + count, 0);
  console.log(
    [
      `proof: ${actions} actions in ${MINUTES} minutes: ${JSON.stringify(churn.actions)}`,
      `  answers: ${JSON.stringify(churn.statuses)}`,
      `  CPU of the service: ${(((last.cpu - first.cpu) / ((warm.at(-1)?.minutes ?? 0) - (warm[0]?.minutes ?? 0))) * (100 / 60)).toFixed(0)} % of a core`,
      `  resident memory: ${before.memory.toFixed(0)} MiB at first, at most ${most('memory').toFixed(0)} MiB; after ${(MINUTES * WARM_UP).toFixed(1)} minutes it grows by ${grows.memory.toFixed(2)} MiB a minute (limit ${MOST_GROWTH.memory}), the heap by ${grows.heap.toFixed(2)} (limit ${MOST_GROWTH.heap})`,
      `  connections to Postgres: at most ${most('connections')} (limit ${MOST_CONNECTIONS})`,
      `  open files and sockets: at most ${most('files')}; handles ${most('handles')}; timers ${most('timers')}`,
      `  window: ${churn.events} endings, at most ${most('window')} held by the service and ${most('events')} in the table, ${last.window} and ${last.events} at the end`,
    ].join('\n'),
  );

  expect(churn.wrong).toEqual([]);
  // A shorter run is warming up for most of its time.
  if (MINUTES >= 10) {
    expect(grows.memory).toBeLessThan(MOST_GROWTH.memory);
    expect(grows.heap).toBeLessThan(MOST_GROWTH.heap);
  }
  expect(most('connections')).toBeLessThanOrEqual(MOST_CONNECTIONS);
  const mostEvents = churn.events * Math.min(1, LONGEST_EVENT / MINUTES);
  expect(most('window')).toBeLessThanOrEqual(mostEvents);
  expect(most('events')).toBeLessThanOrEqual(mostEvents);

  // When everybody has gone, all is as it was before they came.
  let after = await look();
  const isAsBefore = async (): Promise<boolean> => {
    after = await look();
    const same = after.handles <= before.handles + 1 && after.timers <= before.timers + after.connections;
    return same && !(after.files > before.files + 1) && after.idleInTransaction === 0;
  };
  await until('it holds no more than before', isAsBefore, 60_000).finally(() =>
    console.log(`proof: at rest before ${JSON.stringify(before)}, and afterwards ${JSON.stringify(after)}`),
  );
});
