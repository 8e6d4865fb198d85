import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { logIn } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { ServiceProcess } from '../support/service-process.js';
import { RawConnection } from '../support/socket.js';

jest.setTimeout(180_000);

const PASSWORD = 'correct horse battery staple';
const LOGIN = { username: 'admin', password: PASSWORD };
const UNFINISHED =
  'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{';

let directory: string;
let dataDir: string;
const started: ServiceProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-start-'));
  dataDir = join(directory, 'data');
});
afterEach(async () => {
  for (const service of started.splice(0)) await service.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ PORTCULLIS_DATA_DIR: dataDir, ...env });
  started.push(service);
  return service;
}

function spawn(env: Record<string, string> = {}): ServiceProcess {
  const service = ServiceProcess.spawn({ PORTCULLIS_DATA_DIR: dataDir, ...env });
  started.push(service);
  return service;
}

describe('a start on an empty machine', () => {
  it('says where it is, and who the admin is, then and only then', async () => {
    const first = await start();
    expect(first.spoken).toMatch(/Swagger UI: http:\/\/localhost:\d+\/docs/);
    expect(first.spoken).toMatch(/name +admin/);
    const [, password = ''] = /password +(\S+)/.exec(first.spoken) ?? [];
    expect(password.length).toBeGreaterThanOrEqual(12);
    expect(first.log).not.toContain(password);
    expect(first.stderr).toBe('');

    const login = await first.http.post('/v1/auth/login', { username: 'admin', password });
    expect(login.status).toBe(403);
    expect(login.body).toMatchObject({ code: 'password_change_required', changeToken: expect.any(String) });
    const change = await first.http
      .as(String(login.body.changeToken))
      .post('/v1/auth/password/change', { currentPassword: password, newPassword: PASSWORD });
    expect(change.status).toBe(200);
    expect(await first.stop()).toBe(0);

    const second = await start();
    expect(second.spoken).not.toMatch(/password|admin/);
    expect((await logIn(second.http, LOGIN)).url).toBe(second.http.url);
    expect(await second.stop()).toBe(0);
  });

  it('takes a given password, which need not be changed, and does not repeat it', async () => {
    const service = await start({ PORTCULLIS_ADMIN_PASSWORD: PASSWORD });
    expect(service.stdout).not.toContain(PASSWORD);
    await logIn(service.http, LOGIN);
  });
});

describe('kill -9', () => {
  it('loses nothing that was acknowledged', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const service = await start({ PORTCULLIS_ADMIN_PASSWORD: PASSWORD });
      const admin = await logIn(service.http, LOGIN);
      for (let sent = 1; service.running; sent++) {
        const username = `user${round}-${sent}`;
        const creating = admin.post('/v1/users', { username, email: `${username}@example.org` });
        // In flight when the process dies: it may have been stored or not, and only the others count.
        if (sent === 20) service.kill('SIGKILL');
        const answer = await creating.catch(() => undefined);
        if (answer?.status === 201) acknowledged.push(username);
        else expect(sent).toBeGreaterThanOrEqual(20);
      }
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(57);
    const service = await start({ PORTCULLIS_ADMIN_PASSWORD: PASSWORD });
    const admin = await logIn(service.http, LOGIN);
    for (const username of acknowledged) {
      const { body } = await admin.get<{ items: { username: string }[] }>(`/v1/users?search=${username}`);
      expect(body.items.map((user) => user.username)).toContain(username);
    }
  });
});

describe('told to stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s, it answers the request in flight, then ends with 0',
    async (signal) => {
      const service = await start();
      const connection = await RawConnection.open(service.http.url);
      connection.send(UNFINISHED);
      service.kill(signal);
      // A terminal sends Ctrl-C to npm as well, which passes it on.
      service.kill(signal);
      await service.printed(/"msg":"stopping"/);
      connection.send('}');
      expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 400 /);
      expect(await service.ended()).toBe(0);
      expect(existsSync(postmasterPid())).toBe(false);
    },
  );

  it('does not wait for ever', async () => {
    const service = await start({ PORTCULLIS_SHUTDOWN_TIMEOUT_MS: '100' });
    const connection = await RawConnection.open(service.http.url);
    connection.send(UNFINISHED);
    expect(await service.stop()).toBe(0);
    expect(await connection.untilClosed()).toBe('');
  });

  it('twice, it ends at once', async () => {
    const service = await start({ PORTCULLIS_SHUTDOWN_TIMEOUT_MS: '600000' });
    const connection = await RawConnection.open(service.http.url);
    connection.send(UNFINISHED);
    service.kill('SIGTERM');
    await service.printed(/"msg":"stopping"/);
    const impatience = setInterval(() => service.kill('SIGTERM'), 100);
    expect(await service.ended()).toBe(143);
    clearInterval(impatience);
  });

  it('while it starts, it ends as soon as it has started', async () => {
    const service = spawn();
    await service.printed(/embedded database/);
    expect(await service.stop()).toBe(0);
    expect(existsSync(postmasterPid())).toBe(false);
  });
});

/** Where the embedded server says that it runs. */
function postmasterPid(): string {
  const cluster = readdirSync(dataDir).find((name) => name.startsWith('pg')) ?? '';
  return join(dataDir, cluster, 'postmaster.pid');
}

describe('a start that cannot succeed', () => {
  it('names everything that is wrong with the configuration, and starts nothing', async () => {
    const service = spawn({
      PORT: 'zzz',
      PORTCULLIS_ACCESS_TOKEN_TTL: '0',
      PORTCULLIS_ISUER: 'https://id.example.org',
    });
    expect(await service.ended()).toBe(1);
    expect(service.stdout).toBe('');
    expect(service.stderr).toMatch(/PORT is "zzz"/);
    expect(service.stderr).toMatch(/PORTCULLIS_ACCESS_TOKEN_TTL is "0"/);
    expect(service.stderr).toMatch(
      /PORTCULLIS_ISUER is not a variable of Portcullis; did you mean PORTCULLIS_ISSUER\?/,
    );
    expect(service.stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('says in one line that the port is taken, and stops the database again', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const service = spawn({ PORT: String(port) });
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toBe(
      `Portcullis could not start. Cannot listen on 127.0.0.1, port ${port}: the port is in use\n`,
    );
    expect(existsSync(postmasterPid())).toBe(false);
    other.close();
  });

  it('waits for a database that is not there yet, until it is told to stop, and keeps its password to itself', async () => {
    const service = spawn({ DATABASE_URL: 'postgres://someone:zzz-secret@127.0.0.1:1/nothing' });
    await service.printed(/Waiting for the database at someone@127.0.0.1:1\/nothing/);
    expect(await service.stop()).toBe(0);
    expect(`${service.stdout}${service.stderr}`).not.toContain('zzz-secret');
  });

  it('says in one line that the database cannot be migrated, and leaves it as it was', async () => {
    const database = await createDatabase('empty');
    await database.query('CREATE TABLE users (name text)');
    const service = spawn({ DATABASE_URL: database.url });
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toBe(
      'Portcullis could not start. The database could not be migrated: relation "users" already exists\n',
    );
    expect(service.spoken).toBe('');
    expect(await database.query("SELECT relname FROM pg_class WHERE relname = 'sessions'")).toEqual([]);
    await database.drop();
  });

  it('says in one line what the database says', async () => {
    const database = await createDatabase('empty');
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    const service = spawn({ DATABASE_URL: url.href });
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toMatch(/^Portcullis could not start\. .*database "nowhere" does not exist.*\n$/);
    await database.drop();
  });
});

describe('an external database', () => {
  it('is migrated, used, and left running', async () => {
    const database = await createDatabase('empty');
    const service = await start({ DATABASE_URL: database.url, PORTCULLIS_ADMIN_PASSWORD: PASSWORD });
    const admin = await logIn(service.http, LOGIN);
    expect((await admin.get('/v1/auth/me')).status).toBe(200);
    expect(await service.stop()).toBe(0);
    expect(await database.query('SELECT username FROM users')).toEqual([{ username: 'admin' }]);
    expect(existsSync(postmasterPid())).toBe(false);
    await database.drop();
  });

  it('is not served without the master key that its keys are encrypted under', async () => {
    const database = await createDatabase('empty');
    expect(await (await start({ DATABASE_URL: database.url })).stop()).toBe(0);
    const service = spawn({ DATABASE_URL: database.url, PORTCULLIS_DATA_DIR: join(directory, 'elsewhere') });
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toMatch(/PORTCULLIS_MASTER_KEY/);
    expect(service.stderr.trim().split('\n')).toHaveLength(1);
    await database.drop();
  });
});
