import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ADMIN, logIn } from '../support/app.js';
import { cli } from '../support/cli.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, signIn, type Person } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { RawConnection } from '../support/socket.js';
import { until } from '../support/until.js';
import { KeepAlive } from './support/keep-alive.js';
import { readMetrics } from './support/metrics.js';

jest.setTimeout(240_000);

const ROUNDS = 30;
const CONNECTIONS = 8;
const ME = '/v1/auth/me';
/** Longer than a start takes on a busy machine. */
const STARTED_AGAIN = 90_000;

let directory: string;
let service: ServiceProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-workers-'));
});
afterEach(async () => {
  if (service?.running) await service.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Two workers on a database below the directory, where none is given. */
async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  service = await ServiceProcess.start(environment(env));
  return service;
}

const environment = (env: Record<string, string>): Record<string, string> => ({
  PORTCULLIS_WORKERS: '2',
  PORTCULLIS_DATA_DIR: join(directory, 'data'),
  PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
  PORTCULLIS_RATE_LIMITS: 'off',
  PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
  PORTCULLIS_ARGON2_MEMORY_KIB: '64',
  PORTCULLIS_ARGON2_ITERATIONS: '1',
  ...env,
});

/** The processes that this one has started and that are still there. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

const isWorker = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('main.js');
const workersOf = ({ pid }: ServiceProcess): number[] => childrenOf(pid).filter(isWorker);
const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

function everyProcessOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(everyProcessOf)];
}

const metric = async (http: HttpClient, name: string): Promise<number> => (await readMetrics(http)).get(name) ?? NaN;

describe('two workers on one database', () => {
  let database: TestDatabase;
  let person: Person;
  const connections: KeepAlive[] = [];

  beforeAll(async () => {
    database = await createDatabase();
  });
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
  });
  afterAll(() => database.drop());

  /** They go to the workers in turn. */
  async function connect({ http: { url } }: ServiceProcess, count: number): Promise<KeepAlive[]> {
    for (let n = 0; n < count; n++) connections.push(await KeepAlive.open(url));
    return connections;
  }

  it('share the requests and refuse alike: whoever is disabled in SQL, by the next request to either', async () => {
    const running = await start({ DATABASE_URL: database.url });
    const { http } = running;
    expect(running.spoken.match(/first admin/g)).toHaveLength(1);
    expect(workersOf(running)).toHaveLength(2);
    const keys = await database.query('SELECT kid FROM signing_keys');
    expect(keys).toHaveLength(1);
    person = await createPerson(await logIn(http, ADMIN));
    const both = await connect(running, 4);
    for (let round = 0; round < ROUNDS; round++) {
      const { accessToken } = await signIn(http, person);
      const ask = (): Promise<number[]> => Promise.all(both.map((connection) => connection.get(ME, accessToken)));
      expect(await ask()).toEqual([200, 200, 200, 200]);
      await database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
      expect(await ask()).toEqual([401, 401, 401, 401]);
      await database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [person.id]);
    }
    const counts = [...(await readMetrics(http))].flatMap(([name, count]) =>
      /_count\{worker="\d+",method="GET",route="\/v1\/auth\/me",status="4xx"\}/.test(name) ? [count] : [],
    );
    expect(counts).toEqual([2 * ROUNDS, 2 * ROUNDS]);
    const [pools] = await database.query<{ connections: number }>(
      `SELECT count(*)::integer AS connections FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'portcullis'`,
    );
    expect(pools?.connections).toBeLessThanOrEqual(10);
    const beside = await cli(['keys', 'list', '--json'], environment({ DATABASE_URL: database.url }));
    if (beside.status !== 0) throw new Error(beside.stderr);
    console.log(
      `proof: workers: ${ROUNDS} rounds over 2 workers, ${counts.join(' and ')} refusals, none accepted after the commit`,
    );
    expect(await running.stop()).toBe(0);
  });

  it('lose no more than what one of them had in flight when it is killed, and are two again', async () => {
    const running = await start({ DATABASE_URL: database.url });
    const { http } = running;
    const { accessToken } = await signIn(http, person);
    const before = workersOf(running);
    await connect(running, CONNECTIONS);
    let served = 0;
    let over = false;
    const failures: number[] = [];
    const load = connections.map(async (first, index) => {
      for (let connection = first; !over;) {
        try {
          expect(await connection.get(ME, accessToken)).toBe(200);
          served++;
        } catch (error) {
          if (!/closed|ECONNRESET|EPIPE/.test(String(error))) throw error;
          failures.push(index);
          connections[index] = connection = await KeepAlive.open(http.url);
        }
      }
    });
    await until('there is load', () => served > 200);
    const [victim = NaN, survivor = NaN] = before;
    const killed = performance.now();
    process.kill(victim, 'SIGKILL');
    await until('another has taken its place', () => workersOf(running).filter(isThere).length === 2, STARTED_AGAIN);
    await until('it serves', async () => (await metric(http, 'portcullis_workers')) === 2, STARTED_AGAIN);
    const ms = Math.round(performance.now() - killed);
    over = true;
    await Promise.all(load);
    // One for each connection that it had: a request was in flight on every one of them.
    expect(failures.length).toBeLessThan(CONNECTIONS);
    expect(new Set(failures).size).toBe(failures.length);
    expect(workersOf(running)).toContain(survivor);
    expect(workersOf(running)).not.toContain(victim);
    expect(await metric(http, 'portcullis_worker_replacements_total')).toBe(1);
    expect(running.log).toContain('a worker ended; another takes its place');
    console.log(
      `proof: workers: one of 2 killed under load: ${failures.length} of ${CONNECTIONS} requests in flight failed, of ${served}; two again after ${ms} ms`,
    );
    expect(await running.stop()).toBe(0);
  });
});

describe('the end of a service of two workers', () => {
  const UNFINISHED =
    'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ';

  it('by SIGTERM: answers what is in flight, and leaves no process behind', async () => {
    const running = await start();
    const processes = everyProcessOf(running.pid);
    expect(processes.length).toBeGreaterThan(5);
    const body = JSON.stringify({ username: ADMIN.username, password: ADMIN.password });
    const inFlight = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open(running.http.url)));
    // A head that was read already: the service has begun with the request.
    for (const connection of inFlight) connection.send(`${UNFINISHED}${body.length}\r\nExpect: 100-continue\r\n\r\n`);
    await Promise.all(inFlight.map((connection) => connection.until(/100 Continue/)));
    running.kill('SIGTERM');
    await until('both workers drain', () => (running.log.match(/"worker":\d+,"signal"/g) ?? []).length === 2);
    for (const connection of inFlight) connection.send(body);
    for (const answer of await Promise.all(inFlight.map((connection) => connection.untilClosed()))) {
      expect(answer).toMatch(/HTTP\/1\.1 200 /);
    }
    expect(await running.ended()).toBe(0);
    await until('every process has ended', () => !processes.some(isThere));
    console.log(`proof: workers: SIGTERM: 4 requests in flight answered, all of ${processes.length} processes ended`);
  });

  it('by kill -9 of the first process: the workers end, and so does the database', async () => {
    const running = await start();
    const processes = everyProcessOf(running.pid);
    const since = performance.now();
    await running.stop('SIGKILL');
    await until('every process has ended', () => !processes.some(isThere), 30_000);
    console.log(
      `proof: workers: all ${processes.length} processes ended ${Math.round(performance.now() - since)} ms after the first was killed`,
    );
    const again = await start();
    await logIn(again.http, ADMIN);
    expect(again.spoken).not.toContain('first admin');
    expect(await again.stop()).toBe(0);
  });

  it('by workers that end as soon as they serve: with an error that says so, instead of forking for ever', async () => {
    const dieYoung = `if (process.env.NODE_UNIQUE_ID) {
      const { send } = process;
      process.send = function (message, ...rest) {
        if (message?.about === 'serving') setTimeout(() => process.exit(3), 20);
        return send.call(this, message, ...rest);
      };
    }`;
    service = ServiceProcess.spawn(
      environment({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(dieYoung)}` }),
    );
    const processes = new Set<number>();
    const watch = setInterval(() => {
      if (service?.running) for (const pid of everyProcessOf(service.pid)) processes.add(pid);
    }, 50);
    expect(await service.ended()).toBe(1);
    clearInterval(watch);
    const replaced = service.log.match(/another takes its place/g) ?? [];
    expect(replaced.length).toBeLessThanOrEqual(4);
    expect(service.stderr).toMatch(/Workers end as soon as they have started|A worker ended before it could serve/);
    await until('every process has ended', () => ![...processes].some(isThere));
    console.log(
      `proof: workers: a crash loop ended the service after ${replaced.length} replacements: ${service.stderr.trim()}`,
    );
  });

  it('before it has begun, when the port is taken', async () => {
    const first = await start();
    const { port } = new URL(first.http.url);
    const second = ServiceProcess.spawn(environment({ PORT: port }));
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toBe(
      `Portcullis could not start. Cannot listen on 127.0.0.1, port ${port}: the port is in use\n`,
    );
    expect(await first.stop()).toBe(0);
  });
});
