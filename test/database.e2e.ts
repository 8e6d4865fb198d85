import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import {
  startEmbeddedPostgres,
  type EmbeddedOptions,
  type EmbeddedPostgres,
} from '../src/database/embedded/supervisor.js';
import { occupantOf } from '../src/database/embedded/processes.js';
import { connectExternal } from '../src/database/external.js';
import { openPostgres } from '../src/database/postgres.js';
import { fastDirectory } from './support/fast-directory.js';
import { killDatabaseProcesses, startDatabaseProcess } from './support/database-process.js';
import { until } from './support/until.js';

// The embedded database as it ships, with all its durability switched on.

jest.setTimeout(30_000);

/** A database that was made once, for the tests that are not about making one. */
let seed: string;
let root: string;
let dataDir: string;
const open = new Set<EmbeddedPostgres>();
/** The directories of the servers' sockets. */
const sockets = new Set<string>();
const times: Record<string, number> = {};

beforeAll(async () => {
  seed = fs.mkdtempSync(path.join(fastDirectory(), 'portcullis-e2e-seed-'));
  const server = await timed('cold start', () => startEmbeddedPostgres({ dataDir: seed }));
  rememberSocket(server.connection.url);
  await query(server.connection.url, 'CREATE TABLE kept AS SELECT 42 AS id');
  await timed('stop', () => server.stop());
});

beforeEach(() => {
  root = fs.mkdtempSync(path.join(fastDirectory(), 'portcullis-e2e-'));
  fs.chmodSync(root, 0o755);
  dataDir = path.join(root, 'data');
});

afterEach(async () => {
  killDatabaseProcesses();
  await Promise.all([...open].map((server) => server.stop()));
  open.clear();
  if (fs.existsSync(cluster())) await until('the server has ended', () => occupantOf(cluster()).kind === 'nobody');
  for (const directory of [root, ...sockets]) fs.rmSync(directory, { recursive: true, force: true });
});

afterAll(() => {
  fs.rmSync(seed, { recursive: true });
  const lines = Object.entries(times).map(([what, ms]) => `${what}: ${ms.toFixed(0)} ms`);
  process.stdout.write(`Embedded Postgres. ${lines.join(', ')}\n`);
});

/** Begins with the database that was made before. */
function copySeed(): void {
  expect(spawnSync('cp', ['-a', seed, dataDir]).status).toBe(0);
}

function cluster(): string {
  return path.join(dataDir, 'pg18');
}

async function start(options: Omit<EmbeddedOptions, 'dataDir'> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ ...options, dataDir });
  open.add(server);
  rememberSocket(server.connection.url);
  return server;
}

function rememberSocket(url: string): void {
  const directory = new URL(url).searchParams.get('host');
  if (directory !== null) sockets.add(directory);
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function works(url: string): Promise<boolean> {
  return query(url, 'SELECT').then(
    () => true,
    () => false,
  );
}

function serverPid(): number {
  const occupant = occupantOf(cluster());
  if (occupant.kind !== 'server') throw new Error(`There is no server but ${occupant.kind}.`);
  return occupant.file.pid;
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const result = await work();
  times[what] = performance.now() - since;
  return result;
}

describe('start and stop', () => {
  it('keeps what was there when it stopped', async () => {
    copySeed();
    const server = await timed('warm start', () => start());
    expect(server.owner).toBe(true);
    expect(await query(server.connection.url, 'SELECT id FROM kept')).toEqual([{ id: 42 }]);
    await server.stop();
    expect(occupantOf(cluster()).kind).toBe('nobody');
  });

  it('lets the service in as an ordinary role that owns its database', async () => {
    copySeed();
    const { connection } = await start();
    const [role] = await query(
      connection.url,
      `SELECT current_user, rolsuper, rolcreatedb, pg_get_userbyid(datdba) AS owner, datcollate, datname
       FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`,
    );
    expect(role).toEqual({
      current_user: 'portcullis',
      rolsuper: false,
      rolcreatedb: false,
      owner: 'portcullis',
      datcollate: 'C',
      datname: 'portcullis',
    });
    await query(connection.url, 'CREATE EXTENSION citext');
  });

  it('stops while clients are connected, and listens on no port', async () => {
    copySeed();
    const server = await start();
    const client = new Client({ connectionString: server.connection.url });
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    expect((await client.query<{ listen_addresses: string }>('SHOW listen_addresses')).rows).toEqual([
      { listen_addresses: '' },
    ]);
    await server.stop();
    expect(await lost).toMatchObject({ code: '57P01' });
  });

  it('says what Postgres said when it does not start', async () => {
    copySeed();
    await (await start()).stop();
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(/did not start: .*shared_buffers/);
  });

  it('refuses to begin anew beside the data of another version', async () => {
    fs.mkdirSync(path.join(dataDir, 'pg9'), { recursive: true });
    fs.writeFileSync(path.join(dataDir, 'pg9', 'PG_VERSION'), '9\n');
    await expect(start()).rejects.toThrow(/written by Postgres 9.*pg_dump/);
  });
});

describe('after a crash', () => {
  it('has every acknowledged row when its owner was killed, round after round', async () => {
    copySeed();
    let acknowledged = 0;
    for (let round = 1; round <= 4; round += 1) {
      const owner = await startDatabaseProcess(dataDir, { write: true });
      expect(owner.owner).toBe(true);
      if (round > 1) times[`start after kill -9, round ${round}`] = owner.startMs;
      await until('some rows are acknowledged', () => owner.acknowledged() > acknowledged + 100);
      const found = await query(owner.url, `SELECT count(*)::int FROM written WHERE id <= ${acknowledged}`);
      expect(found).toEqual([{ count: acknowledged }]);
      const server = serverPid();
      await owner.kill();
      acknowledged = owner.acknowledged();
      // Even rounds take the server down with its owner; in odd rounds the watchdog has to.
      if (round % 2 === 0) killIfAlive(server);
      await until('the server has ended with its owner', () => occupantOf(cluster()).kind !== 'server');
    }
    const { connection } = await start();
    const rows = await query(connection.url, `SELECT count(*)::int FROM written WHERE id <= ${acknowledged}`);
    expect(rows).toEqual([{ count: acknowledged }]);
  });

  it('starts although the pid in the file that was left belongs to somebody else now', async () => {
    copySeed();
    const first = await start();
    const left = fs.readFileSync(path.join(cluster(), 'postmaster.pid'), 'utf8');
    await first.stop();
    const stranger = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    fs.writeFileSync(path.join(cluster(), 'postmaster.pid'), left.replace(/^\d+/, String(stranger.pid)));
    const second = await start();
    expect(second.owner).toBe(true);
    expect(await works(second.connection.url)).toBe(true);
    stranger.stdin.end();
  });

  it('is started again when the server dies under its owner', async () => {
    copySeed();
    const said: string[] = [];
    const server = await start({ log: (message) => said.push(message) });
    process.kill(serverPid(), 'SIGKILL');
    await until('the server is back', () => said.at(-1) === 'The embedded database is running again.');
    expect(await query(server.connection.url, 'SELECT id FROM kept')).toEqual([{ id: 42 }]);
    expect(server.owner).toBe(true);
  });
});

describe('several processes on one directory', () => {
  it('share one server, which survives its owner', async () => {
    copySeed();
    const owner = await startDatabaseProcess(dataDir, { write: true });
    const said: string[] = [];
    const joined = await start({ log: (message) => said.push(message) });
    expect([owner.owner, joined.owner]).toEqual([true, false]);
    expect(joined.connection.url).toBe(owner.url);
    await until('some rows are acknowledged', () => owner.acknowledged() > 100);

    await owner.kill();
    await timed('taking over', () =>
      until(
        'the other process has taken over',
        () => joined.owner && said.at(-1) === 'The embedded database is running again.',
      ),
    );
    const rows = await query(
      joined.connection.url,
      `SELECT count(*)::int FROM written WHERE id <= ${owner.acknowledged()}`,
    );
    expect(rows).toEqual([{ count: owner.acknowledged() }]);
  });

  it('agree on an owner when all start at once on nothing, and one that leaves ends nothing', async () => {
    const servers = await Promise.all([start(), startDatabaseProcess(dataDir), startDatabaseProcess(dataDir)]);
    expect(servers.filter((server) => server.owner)).toHaveLength(1);
    const [here, ...others] = servers;
    if (here.owner) {
      await Promise.all(others.map((other) => other.close()));
    } else {
      await here.stop();
    }
    expect(await works(here.connection.url)).toBe(true);
  });

  it('take over when the owner stops in good order', async () => {
    copySeed();
    const owner = await startDatabaseProcess(dataDir);
    const joined = await start();
    await owner.close();
    await until('the other process has taken over', async () => joined.owner && (await works(joined.connection.url)));
  });
});

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('whoever starts it', () => {
  const nobody = { uid: 65_534, gid: 65_534 };

  it('runs as an account other than root, and keeps the directory itself for root', async () => {
    copySeed();
    await start();
    expect(fs.statSync(cluster()).uid).not.toBe(0);
    expect(fs.statSync(dataDir)).toMatchObject({ uid: 0 });
    expect(fs.statSync(`/proc/${serverPid()}`).uid).toBe(fs.statSync(cluster()).uid);
  });

  it('runs for an ordinary user as that user', async () => {
    fs.mkdirSync(dataDir);
    fs.chownSync(dataDir, nobody.uid, nobody.gid);
    const process = await startDatabaseProcess(dataDir, { spawn: nobody });
    rememberSocket(process.url);
    expect(process.owner).toBe(true);
    expect(fs.statSync(`/proc/${serverPid()}`).uid).toBe(nobody.uid);
    await process.close();
  });

  const namespaces = spawnSync('unshare', ['--user', '--map-user=65534', 'true']).status === 0;
  (namespaces ? it : it.skip)('runs below a directory that is closed to all but root', async () => {
    fs.chmodSync(root, 0o700);
    const first = await start();
    expect(await works(first.connection.url)).toBe(true);
    expect(fs.statSync(cluster()).uid).toBe(0);
    await first.stop();
    const second = await start();
    expect(await works(second.connection.url)).toBe(true);
  });
});

describe('openPostgres', () => {
  it('runs the embedded database where no other is given', async () => {
    copySeed();
    const postgres = await openPostgres({ dataDir }, () => undefined);
    rememberSocket(postgres.connection.url);
    expect(postgres.embedded).toBe(true);
    expect(await works(postgres.connection.url)).toBe(true);
    await postgres.stop();
    expect(occupantOf(cluster()).kind).toBe('nobody');
  });

  it('waits for an external one that is coming up', async () => {
    copySeed();
    const { connection } = await start();
    await Promise.all([...open].map((server) => server.stop()));
    const said: string[] = [];
    const opened = openPostgres({ databaseUrl: connection.url, dataDir }, (message) => said.push(message));
    await until('it has found nobody there', () => said.length > 0);
    expect(said[0]).toMatch(/^Waiting for the database at portcullis@/);
    await start();
    expect(await opened).toMatchObject({ embedded: false, connection: { url: connection.url } });
  });

  it('warns of prepared transactions, and refuses a read-only server', async () => {
    copySeed();
    const server = await start({ settings: { max_prepared_transactions: '5' } });
    const { url } = server.connection;
    const said: string[] = [];
    await connectExternal(url, (message) => said.push(message));
    expect(said.join()).toMatch(/max_prepared_transactions = 0/);
    await query(url, 'ALTER ROLE portcullis SET default_transaction_read_only = on');
    await expect(connectExternal(url, () => undefined)).rejects.toThrow(/writable primary/);
  });

  it('does not wait for a database that does not exist', async () => {
    copySeed();
    const { connection } = await start();
    const url = connection.url.replace('/portcullis?', '/nowhere?');
    await expect(openPostgres({ databaseUrl: url, dataDir }, () => undefined)).rejects.toThrow(
      /"nowhere" does not exist/,
    );
  });
});

/** The watchdog may have been faster. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
