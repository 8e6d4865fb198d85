import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { until } from '../../support/until.js';

/** Debian's account that has nothing. */
const NOBODY = 65_534;

/** A PgBouncer of the test's own before one database, in transaction mode. */
export class PgBouncer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    /** Of the database, through the pooler. */
    readonly url: string,
  ) {}

  /**
   * @param database the URL of the database itself
   * @param connections most that are open to it at once
   */
  static async start(database: string, connections: number): Promise<PgBouncer> {
    const server = new URL(database);
    const socket = server.searchParams.get('host');
    const [user, password, name] = [server.username, server.password, server.pathname.slice(1)].map(decodeURIComponent);
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-pgbouncer-'));
    const port = await freePort();
    const host = socket ?? server.hostname;
    writeFileSync(join(directory, 'users.txt'), `"${user}" ""\n`);
    writeFileSync(
      join(directory, 'pgbouncer.ini'),
      `[databases]
${name} = host=${host} port=${server.port || '5432'} dbname=${name} user=${user}${password === '' ? '' : ` password=${password}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${directory}/users.txt
pool_mode = transaction
default_pool_size = ${connections}
max_client_conn = 200
logfile = ${directory}/log
`,
    );
    // PgBouncer refuses to be root. A socket of the tests' own Postgres is for one account only.
    const account = process.getuid?.() === 0 ? accountOf(socket) : {};
    for (const path of ['', 'users.txt', 'pgbouncer.ini']) {
      if (account.uid !== undefined) chownSync(join(directory, path), account.uid, account.gid ?? account.uid);
    }
    const child = spawn('pgbouncer', ['-q', join(directory, 'pgbouncer.ini')], {
      ...account,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
      cwd: '/',
      stdio: 'ignore',
    });
    const url = `postgres://${encodeURIComponent(user ?? '')}@127.0.0.1:${port}/${name ?? ''}`;
    const bouncer = new PgBouncer(child, directory, url);
    await until('PgBouncer accepts connections', () => bouncer.accepts());
    return bouncer;
  }

  get log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8');
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async accepts(): Promise<boolean> {
    if (this.child.exitCode !== null) throw new Error(`PgBouncer ended: ${this.log}`);
    const client = new Client({ connectionString: this.url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function accountOf(socketDirectory: string | null): { uid?: number; gid?: number } {
  if (socketDirectory === null) return { uid: NOBODY, gid: NOBODY };
  const { uid, gid } = statSync(socketDirectory);
  return { uid, gid };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
