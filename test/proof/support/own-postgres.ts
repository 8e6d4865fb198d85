import { mkdirSync, mkdtempSync, chmodSync, chownSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { connectionTo } from '../../../src/database/connection.js';
import { preparePlace, type Place } from '../../../src/database/embedded/place.js';
import { readPostmasterFile, type Endpoint } from '../../../src/database/embedded/postmaster-file.js';
import { signal } from '../../../src/database/embedded/processes.js';
import type { Server } from '../../../src/database/embedded/server.js';
import { ensureServiceDatabase, serviceConnection } from '../../../src/database/embedded/service-database.js';
import { launchUnderWatchdog } from '../../../src/database/embedded/watchdog.js';
import { fastDirectory } from '../../support/fast-directory.js';

/** A start that goes through another program, which in the end runs the command it was given. */
export type Wrapper = (place: Place, directory: string) => readonly string[];

export interface OwnPostgresOptions {
  settings?: Readonly<Record<string, string>>;
  wrapper?: Wrapper;
  /** Prepares the cluster before the service's database is created; connected as the superuser. */
  prepare?: (superuser: Client, directory: string) => Promise<void>;
}

/** A crash of the server alone loses nothing that the kernel was given: only a power cut would need the disk. */
const SETTINGS = { fsync: 'off', autovacuum: 'off', log_connections: 'on', max_connections: '60' };

/** A Postgres of the test's own, to be stopped, frozen and starved. To the service it is an external one; it ends with this process. */
export class OwnPostgres {
  private server: Server | undefined;
  private frozen = false;

  private constructor(
    readonly directory: string,
    private readonly place: Place,
    private readonly endpoint: Endpoint,
  ) {}

  static async create({ settings = {}, wrapper, prepare }: OwnPostgresOptions = {}): Promise<OwnPostgres> {
    const directory = mkdtempSync(join(fastDirectory(), 'portcullis-own-'));
    // Started by root, Postgres runs as somebody else, who has to get through.
    chmodSync(directory, 0o755);
    const made = await preparePlace(join(directory, 'data'), { ...SETTINGS, ...settings });
    const { account } = made.identity;
    const place = wrapper ? { ...made, identity: { ...made.identity, wrapper: wrapper(made, directory) } } : made;
    const host = join(directory, 'socket');
    mkdirSync(host, { mode: 0o700 });
    if (account) chownSync(host, account.uid, account.gid);
    const postgres = new OwnPostgres(directory, place, { host, port: 5432 });
    await postgres.start();
    if (prepare) await postgres.asSuperuser('postgres', (client) => prepare(client, directory));
    await ensureServiceDatabase(postgres.endpoint);
    return postgres;
  }

  /** For the service. */
  get url(): string {
    return serviceConnection(this.endpoint).url;
  }

  /** A connection as superuser. The server may break it. */
  async connect(database = 'portcullis'): Promise<Client> {
    const { url } = connectionTo({ ...this.endpoint, user: 'postgres', database });
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async asSuperuser<T>(database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.connect(database);
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Whether it takes connections. */
  async accepts(): Promise<boolean> {
    return this.asSuperuser('postgres', () => Promise.resolve()).then(
      () => true,
      () => false,
    );
  }

  async start(): Promise<void> {
    const server = await launchUnderWatchdog(this.place, this.endpoint, undefined);
    if (server === 'taken') throw new Error('another server runs on this cluster');
    this.server = server;
  }

  /** `fast` disconnects everybody and shuts down in good order; `immediate` is a crash, and the next start recovers. */
  async stop(how: 'fast' | 'immediate'): Promise<void> {
    signal([this.pid()], how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.server?.gone;
  }

  /** No process of the server does anything from here on; the kernel still takes connections and bytes for it. */
  freeze(): void {
    this.frozen = true;
    // The first one first: it makes the others.
    signal([this.pid()], 'SIGSTOP');
    signal(this.children(), 'SIGSTOP');
  }

  /** As the kernel does when memory runs out: Postgres then ends all other connections as well, without a word, and recovers. */
  killOneProcess(): void {
    signal(this.children().slice(-1), 'SIGKILL');
  }

  thaw(): void {
    this.frozen = false;
    signal([...this.children(), this.pid()], 'SIGCONT');
  }

  /** How many connections were made or tried, according to the server's log. */
  connectionsReceived(): number {
    return readFileSync(this.place.logFile, 'utf8').match(/connection received/g)?.length ?? 0;
  }

  async remove(): Promise<void> {
    if (this.frozen) this.thaw();
    await this.server?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private pid(): number {
    const file = readPostmasterFile(this.place.cluster);
    if (!file) throw new Error('the server does not run');
    return file.pid;
  }

  /** Every process of a server is a child of its first one. */
  private children(): number[] {
    const pid = this.pid();
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list.split(' ').filter(Boolean).map(Number);
  }
}
