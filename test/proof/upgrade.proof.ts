import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { logIn } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ServiceProcess } from '../support/service-process.js';
import { connectTo } from '../support/sql-client.js';
import { until } from '../support/until.js';
import { buildCommit, findPreviousVersion, type PreviousVersion } from './support/previous-version.js';
import { clientsOf } from './support/rolling-clients.js';
import { RollingTraffic } from './support/rolling-traffic.js';
import { sized } from './support/size.js';
import { quantilesOf } from './support/statistics.js';

jest.setTimeout(900_000);

const ROOT = join(import.meta.dirname, '..', '..');
const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
const OLD = 'N-1';
const NEW = 'N';
/** Rounds of clients (about ten requests each) that make a phase. */
const ROUNDS = sized(60);
/** Milliseconds that a request may take while the new version migrates. */
const LONGEST_WAIT = 500;
/** Milliseconds for which the bad migration below locks a table. */
const LOCK = 1_500;

let previous: PreviousVersion;
let directory: string;
let built: string;
let database: TestDatabase;
let traffic: RollingTraffic;
const started: ServiceProcess[] = [];

beforeAll(async () => {
  previous = await findPreviousVersion(ROOT);
  directory = mkdtempSync(join(tmpdir(), 'portcullis-upgrade-'));
  built = join(directory, 'previous');
  await buildCommit(ROOT, previous.commit, built);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  database = await createDatabase('empty');
  traffic = new RollingTraffic();
});
afterEach(async () => {
  traffic.end();
  await Promise.all(started.splice(0).map((service) => service.stop('SIGKILL')));
  await database.drop();
});

/** Started as an operator would, into the balancer once it is ready. */
async function start(version: typeof OLD | typeof NEW): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(
    {
      DATABASE_URL: database.url,
      PORTCULLIS_DATA_DIR: join(directory, 'data'),
      PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_JWKS_MAX_AGE: '1',
      PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
      PORTCULLIS_ARGON2_MEMORY_KIB: '64',
      PORTCULLIS_ARGON2_ITERATIONS: '1',
    },
    version === OLD ? built : ROOT,
  );
  started.push(service);
  expect((await service.http.get('/health/ready')).status).toBe(200);
  traffic.add(version, service.http);
  return service;
}

async function stop(version: typeof OLD | typeof NEW, service: ServiceProcess): Promise<void> {
  await traffic.takeOut(version);
  expect(await service.stop()).toBe(0);
}

async function activeKey(): Promise<string> {
  const rows = await database.query<{ kid: string }>(`SELECT kid FROM signing_keys WHERE state = 'active'`);
  return rows.map(({ kid }) => kid).join();
}

/** The new version makes a signing key, with which the version before then signs as well. */
async function rotateKeyAt(service: ServiceProcess): Promise<void> {
  const before = await activeKey();
  const { status } = await (await logIn(service.http, ADMIN)).post('/v1/keys/rotate', {});
  expect(status).toBe(201);
  await until('another key signs', async () => (await activeKey()) !== before, 60_000);
}

async function appliedMigrations(): Promise<string[]> {
  const rows = await database.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

/** What a year of use leaves behind, so that a migration which rewrites a table takes its time. */
async function fill(): Promise<void> {
  await database.query(
    `INSERT INTO users (id, username, must_change_password)
     SELECT gen_random_uuid(), 'filler' || n, n % 50 = 0 FROM generate_series(1, 50000) n`,
  );
  await database.query(
    `INSERT INTO sessions (id, user_id, session_epoch, started_as_of, client_id, audience, refresh_hash, expires_at)
     SELECT gen_random_uuid(), id, 0, 1, 'portcullis', '{}', '\\x00', clock_timestamp() + interval '1 day'
     FROM users, generate_series(1, 2) WHERE username LIKE 'filler%'`,
  );
  await database.query(
    `INSERT INTO audit_events (action, outcome, actor_type) SELECT 'filler', 'success', 'system' FROM generate_series(1, 200000)`,
  );
}

/** Prints how long requests took in each phase; the longest of all, in milliseconds, by phase. */
function printPhases(): Map<string, number> {
  const longest = new Map<string, number>();
  for (const { name, durations } of traffic.phases) {
    longest.set(name, Math.max(...durations));
    console.log(`proof: ${name}: ${durations.length} requests, ${quantilesOf(durations)}`);
  }
  return longest;
}

describe('an upgrade, one instance after the other', () => {
  it('fails no request and accepts nothing wrongly, there and back', async () => {
    let old = await start(OLD);
    await fill();
    const before = await appliedMigrations();
    const running = traffic.run(clientsOf(traffic, ADMIN));
    await traffic.phase('N-1 alone', ROUNDS);

    await traffic.phase('N-1 while N starts and migrates');
    const migrating = performance.now();
    const present = await start(NEW);
    const startMs = performance.now() - migrating;
    const added = (await appliedMigrations()).filter((name) => !before.includes(name));
    await traffic.phase('N-1 and N', ROUNDS);
    await traffic.phase('N-1 and N, while N makes a new signing key');
    await rotateKeyAt(present);
    await traffic.phase('N-1 and N, with the new signing key', ROUNDS);
    await stop(OLD, old);
    await traffic.phase('N alone', ROUNDS);

    await traffic.phase('N while N-1 starts again, on the newer schema');
    old = await start(OLD);
    if (added.length > 0) expect(old.log).toContain('The database is ahead of this version');
    await traffic.phase('N and N-1', ROUNDS);
    await stop(NEW, present);
    await traffic.phase('N-1 alone, on the newer schema', ROUNDS);

    await traffic.phase('N-1 while N starts again');
    await start(NEW);
    await stop(OLD, old);
    await traffic.phase('N alone again', ROUNDS);
    traffic.end();
    await running;

    const from = previous.isPresent
      ? `HEAD (${previous.commit.slice(0, 8)}), as the history has no other version than ${previous.version} yet,`
      : `${previous.version} (${previous.commit.slice(0, 8)})`;
    const uses = [...traffic.uses].sort().map(([use, count]) => `${use}: ${count}`);
    console.log(
      `proof: upgrade from ${from} to the working tree, there, back and there again: ${traffic.requests} requests, ` +
        `${traffic.failures.length} failed, ${traffic.wrongAcceptances.length} wrong acceptances; tokens of one version at another: ` +
        `${uses.join(', ')}; N started in ${startMs.toFixed(0)} ms beside N-1; migrations applied: ${added.join(', ') || 'none'}`,
    );
    const longest = printPhases();
    expect(traffic.failures).toEqual([]);
    for (const pair of [`${OLD} -> ${NEW}`, `${NEW} -> ${OLD}`]) expect(traffic.uses.get(pair)).toBeGreaterThan(ROUNDS);
    const wait = longest.get('N-1 while N starts and migrates') ?? Infinity;
    console.log(`proof: longest request while N migrated: ${wait.toFixed(1)} ms (target ${LONGEST_WAIT})`);
    expect(wait).toBeLessThan(10 * LONGEST_WAIT);
  });
});

describe('the rehearsal notices', () => {
  it('a migration that takes away what the version before needs', async () => {
    await start(OLD);
    const running = traffic.run(clientsOf(traffic, ADMIN));
    await traffic.phase('as it was', 30);
    expect(traffic.failures).toEqual([]);
    await database.query('ALTER TABLE users DROP COLUMN display_name');
    await traffic.phase('without a column', 30);
    traffic.end();
    await running;
    console.log(`proof: a dropped column: noticed by ${traffic.failures.length} failed requests`);
    expect(traffic.failures.length).toBeGreaterThan(0);
    expect(traffic.wrongAcceptances).toEqual([]);
  });

  it('a migration that locks a table for long', async () => {
    await start(OLD);
    const running = traffic.run(clientsOf(traffic, ADMIN));
    await traffic.phase('as it was', 30);
    await traffic.phase('while a table is locked');
    const client = await connectTo(database);
    await client.query('BEGIN');
    await client.query('LOCK TABLE users');
    await client.query('SELECT pg_sleep($1)', [LOCK / 1000]);
    await client.query('COMMIT');
    await client.end();
    traffic.end();
    await running;
    const longest = printPhases();
    expect(longest.get('while a table is locked')).toBeGreaterThan(LOCK * 0.9);
  });
});
