import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ADMIN, logIn } from '../support/app.js';
import { cli } from '../support/cli.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { LocalServer } from '../support/front.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, signIn, type Person } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { RawConnection } from '../support/socket.js';
import { until } from '../support/until.js';
import { KeepAlive, Unanswered } from './support/keep-alive.js';
import { readMetrics } from './support/metrics.js';
import { sized } from './support/size.js';

jest.setTimeout(600_000);

const ROUNDS = sized(30);
const CONNECTIONS = 8;
const ME = '/v1/auth/me';
/** Longer than a start takes on a busy machine. */
const STARTED_AGAIN = 90_000;

let directory: string;
let database: TestDatabase;
let service: ServiceProcess | undefined;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
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

/** NaN, too, when the connection to whoever was asked breaks. */
const metric = (http: HttpClient, name: string): Promise<number> =>
  readMetrics(http).then(
    (metrics) => metrics.get(name) ?? NaN,
    () => NaN,
  );

describe('two workers on one database', () => {
  let person: Person;
  const connections: KeepAlive[] = [];

  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
  });

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
    const all = await connect(running, CONNECTIONS);
    for (let round = 0; round < ROUNDS; round++) {
      const { accessToken } = await signIn(http, person);
      const ask = (): Promise<number[]> => Promise.all(all.map((connection) => connection.get(ME, accessToken)));
      expect(await ask()).toEqual(all.map(() => 200));
      await database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
      expect(await ask()).toEqual(all.map(() => 401));
      await database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [person.id]);
    }
    const counts = [...(await readMetrics(http))].flatMap(([name, count]) =>
      /_count\{worker="\d+",method="GET",route="\/v1\/auth\/me",status="4xx"\}/.test(name) ? [count] : [],
    );
    expect(counts).toHaveLength(2);
    expect(counts.reduce((sum, count) => sum + count)).toBe(CONNECTIONS * ROUNDS);
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
    // New connections that Node's cluster handed to the one that was just killed: they are open, and nobody has them.
    let orphans = 0;
    const load = connections.map(async (first, index) => {
      for (let connection = first; !over;) {
        try {
          expect(await connection.get(ME, accessToken)).toBe(200);
          served++;
        } catch (error) {
          if (error instanceof Unanswered) orphans++;
          else if (/closed|ECONNRESET|EPIPE/.test(String(error))) failures.push(index);
          else throw error;
          connections[index] = connection = await KeepAlive.open(http.url);
        }
      }
    });
    await until('there is load', () => served > 200, STARTED_AGAIN);
    const [victim = NaN, survivor = NaN] = before;
    const killed = performance.now();
    process.kill(victim, 'SIGKILL');
    await until('another has taken its place', () => workersOf(running).filter(isThere).length === 2, STARTED_AGAIN);
    // Whoever asks may have such a connection, too.
    const count = (): Promise<number> => metric(http, 'portcullis_workers').catch(() => NaN);
    await until('it serves', async () => (await count()) === 2, STARTED_AGAIN);
    const ms = Math.round(performance.now() - killed);
    over = true;
    await Promise.all(load);
    // One for each connection that it had: a request was in flight on every one of them.
    expect(failures.length).toBeLessThan(CONNECTIONS);
    expect(new Set(failures).size).toBe(failures.length);
    expect(orphans).toBeLessThanOrEqual(failures.length);
    expect(workersOf(running)).toContain(survivor);
    expect(workersOf(running)).not.toContain(victim);
    expect(await metric(http, 'portcullis_worker_replacements_total')).toBe(1);
    expect(running.log).toContain('a worker ended; another takes its place');
    console.log(
      `proof: workers: one of 2 killed under load: ${failures.length} of ${CONNECTIONS} requests in flight failed, of ${served}, and ${orphans} new ones were never answered; two again after ${ms} ms`,
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

  it('by workers that end as soon as they are asked: with an error that says so, instead of forking for ever', async () => {
    const endWhenAsked = `import { Server } from 'node:http';
      const { emit } = Server.prototype;
      Server.prototype.emit = function (event, ...rest) {
        if (event === 'request' && process.send) process.exit(3);
        return emit.call(this, event, ...rest);
      };`;
    const nodeOptions = `--import=data:text/javascript,${encodeURIComponent(endWhenAsked)}`;
    const running = await start({ DATABASE_URL: database.url, NODE_OPTIONS: nodeOptions });
    const ended = running.ended();
    await until(
      'the service has ended',
      async () => {
        await running.http.get('/health/live').catch(() => undefined);
        return !running.running;
      },
      300_000,
    );
    expect(await ended).toBe(1);
    const replaced = running.log.match(/another takes its place/g) ?? [];
    expect(replaced).toHaveLength(4);
    expect(running.stderr).toMatch(
      /^Portcullis ends\. Workers end as soon as they have started, the last one with status 3: see the log\.$/m,
    );
    console.log(
      `proof: workers: a crash loop ended the service after ${replaced.length} replacements: ${running.stderr.trim()}`,
    );
  });

  it('before it has begun, when the port is taken', async () => {
    const taken = await LocalServer.listen((_request, response) => response.end());
    const { port } = new URL(taken.url);
    service = ServiceProcess.spawn(environment({ DATABASE_URL: database.url, PORT: port }));
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toBe(
      `Portcullis could not start. Cannot listen on 127.0.0.1, port ${port}: the port is in use\n`,
    );
    await taken.close();
  });
});
