import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { migrationOptions } from '../../config/database.js';
import { migrations } from '../../migrations/index.js';
import { connectionTo } from '../../src/database/connection.js';
import { isAlive } from '../../src/database/embedded/processes.js';
import { startEmbeddedPostgres } from '../../src/database/embedded/supervisor.js';
import { connectExternal } from '../../src/database/external.js';
import { migrate } from '../../src/database/migrate.js';
import { fastDirectory } from './fast-directory.js';

// The Postgres server of one run of the tests, as a process of its own (started by global-setup.ts). It prints where the server is and what
// the migrated template database is called, and cleans up when its standard input ends, however the run ended.
//
// With TEST_DATABASE_URL it uses that server, whose user may create databases, instead of an embedded one.

export interface TestServer {
  /** A connection whose role may create databases. */
  readonly adminUrl: string;
  readonly template: string;
}

/** Durability is not what these tests are about, and speed is. */
const FAST_AND_LOOSE = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_connections: '300',
};

const log = (message: string): boolean => process.stderr.write(`${message}\n`);

// Ctrl-C goes to every process of the terminal. The end of standard input says when the tests are really over.
process.on('SIGINT', () => undefined);

const { url, close } = await openServer(process.env.TEST_DATABASE_URL);
const admin = new Client({ connectionString: url, application_name: runName() });
await admin.connect();
// The name is on the connection for as long as the run lasts: what has no connection with its name is left from a killed run.
await dropDatabases(
  admin,
  `split_part(datname, '_', 3) NOT IN (SELECT split_part(application_name, '_', 3) FROM pg_stat_activity)`,
);
const template = `${runName()}_template`;
await createTemplate();
process.stdout.write(`${JSON.stringify({ adminUrl: url, template } satisfies TestServer)}\n`);

createInterface(process.stdin).once('close', () => void finish());

async function finish(): Promise<void> {
  await dropDatabases(admin, `datname LIKE '${runName()}\\_%'`);
  await admin.end();
  await close();
  process.exit(0);
}

async function openServer(external: string | undefined): Promise<{ url: string; close: () => Promise<void> }> {
  if (external !== undefined && external !== '') {
    await connectExternal(external, log);
    return { url: external, close: () => Promise.resolve() };
  }
  const base = fastDirectory();
  removeLeftovers(base);
  const dataDir = path.join(base, `portcullis-test-${process.pid}`);
  // The directory of the socket is made below it, and so goes with the rest.
  process.env.TMPDIR = dataDir;
  const server = await startEmbeddedPostgres({ dataDir, settings: FAST_AND_LOOSE, log });
  await allowCreatingDatabases(server.connection.url);
  const close = async (): Promise<void> => {
    await server.stop();
    fs.rmSync(dataDir, { recursive: true, force: true });
  };
  return { url: server.connection.url, close };
}

/** Tests run as the service does, as an ordinary role, which alone may not create databases. */
async function allowCreatingDatabases(serviceUrl: string): Promise<void> {
  const host = new URL(serviceUrl).searchParams.get('host');
  const port = Number(new URL(serviceUrl).port);
  const superuser =
    host === null ? serviceUrl : connectionTo({ host, port, user: 'postgres', database: 'postgres' }).url;
  const client = new Client({ connectionString: superuser });
  await client.connect();
  await client.query('ALTER ROLE portcullis CREATEDB');
  await client.end();
}

/** The data of runs that were killed. Their servers ended by themselves. */
function removeLeftovers(base: string): void {
  for (const name of fs.readdirSync(base)) {
    const pid = /^portcullis-test-(\d+)$/.exec(name)?.[1];
    const directory = path.join(base, name);
    if (pid === undefined || isAlive(Number(pid)) || fs.statSync(directory).uid !== process.getuid?.()) continue;
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function createTemplate(): Promise<void> {
  await admin.query(`CREATE DATABASE ${template} TEMPLATE template0 ENCODING 'UTF8' STRATEGY file_copy`);
  const templateUrl = new URL(url);
  templateUrl.pathname = `/${template}`;
  const dataSource = await new DataSource({ ...migrationOptions({ url: templateUrl.href }), migrations }).initialize();
  try {
    await migrate(dataSource, log);
  } finally {
    await dataSource.destroy();
  }
  // A connection to a template, be it autovacuum's, is in the way of copying it.
  await admin.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
}

async function dropDatabases(client: Client, condition: string): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE datname LIKE 'portcullis\\_test\\_%' AND ${condition}`,
  );
  for (const { datname } of rows)
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(datname)} WITH (FORCE)`);
}

/** `portcullis_test_<pid>x<hash of the migrations>`: no other run's, and no older schema's, database has it. */
function runName(): string {
  const text = migrations.map((migration) => `${migration.name}${migration.toString()}`).join('\n');
  return `portcullis_test_${process.pid}x${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
