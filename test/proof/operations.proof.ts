import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { logIn } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { refreshVerdict, signIn, verdict } from '../support/people.js';
import { ServiceProcess } from '../support/service-process.js';
import { allBlocks, blocksBelow, newestPostgresPrograms, runBlock, runBlocks } from './support/drills.js';
import { createPeople, liveOn, refreshVerdictsOn, verdictsOn, type AfterBackup } from './support/restore-story.js';
import { startSystemPostgres } from './support/system-postgres.js';

jest.setTimeout(300_000);

const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

/** Where Postgres's own programs are missing, the drill that needs them is left out; but not by `.ci/run`, which has just installed them. */
const canDump = newestPostgresPrograms() !== undefined || (process.env.CI === 'true' && process.getuid?.() === 0);
if (!canDump) console.log('NOTICE: the drill with pg_dump is skipped, as there is none below /usr/lib/postgresql');

let directory: string;
let dataDir: string;
let database: TestDatabase;
const started: ServiceProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-drill-'));
  dataDir = join(directory, 'data');
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((service) => service.stop('SIGKILL')));
  rmSync(directory, { recursive: true, force: true });
});

function spawn(env: Record<string, string>): ServiceProcess {
  const service = ServiceProcess.spawn({
    PORTCULLIS_DATA_DIR: dataDir,
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    PORTCULLIS_RATE_LIMITS: 'off',
    PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
    PORTCULLIS_ARGON2_MEMORY_KIB: '64',
    PORTCULLIS_ARGON2_ITERATIONS: '1',
    ...env,
  });
  started.push(service);
  return service;
}

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const service = spawn(env);
  await service.printed(/Swagger UI: http.*\n/);
  return service;
}

const all = (verdictOfEach: string, of: readonly string[]): string[] => of.map(() => verdictOfEach);

/** After a restore as documented: everything from before is refused, and people log in again. */
async function expectNothingRevived({ http }: ServiceProcess, after: AfterBackup): Promise<number> {
  const tokens = [...after.ended, ...after.good];
  const refreshTokens = [...after.refreshTokens, after.usedRefreshToken];
  expect(await verdictsOn(http, tokens)).toEqual(all('401 forced_expiration', tokens));
  expect(await refreshVerdictsOn(http, refreshTokens)).toEqual(all('401 invalid_grant', refreshTokens));
  expect(await verdict(await logIn(http, ADMIN))).toBe('accepted');
  return tokens.length + refreshTokens.length;
}

describe('Backup and restore: the embedded database', () => {
  const [backUp, restore, compare, repeat] = blocksBelow('### The embedded database');

  it('ends what the backup did not know to have ended', async () => {
    const names = { BACKUP: join(directory, 'backup'), KEY_FILE: join(directory, 'elsewhere', 'master.key') };
    mkdirSync(join(directory, 'elsewhere'));
    const env = { PORTCULLIS_DATA_DIR: dataDir, ...names };
    const first = await start();
    const people = await createPeople(await logIn(first.http, ADMIN));
    const atBackup = await signIn(first.http, people.staying);
    expect(await first.stop()).toBe(0);
    await runBlock(backUp, env);

    const second = await start();
    const after = await liveOn({ http: second.http, admin: await logIn(second.http, ADMIN) }, people, atBackup);
    expect(new Set(await verdictsOn(second.http, after.ended))).not.toContain('accepted');
    expect(await verdictsOn(second.http, after.good)).toEqual(all('accepted', after.good));
    expect(await second.stop()).toBe(0);

    // What the documented step is for: a restore without it.
    const careless = { PORTCULLIS_DATA_DIR: join(directory, 'careless') };
    mkdirSync(careless.PORTCULLIS_DATA_DIR);
    const statement = 'sql "INSERT INTO forced_expirations';
    expect(restore).toContain(statement);
    await runBlock(restore?.replace(statement, `: ${statement}`), { ...env, ...careless });
    const third = await start(careless);
    const revived = await verdictsOn(third.http, after.ended);
    const usedAgain = await refreshVerdict(third.http, after.usedRefreshToken);
    expect(await third.stop()).toBe(0);
    expect(revived).toEqual(all('accepted', after.ended));
    expect(usedAgain).toBe('refreshed');

    const since = performance.now();
    await runBlock(restore, env);
    const restoredMs = performance.now() - since;
    const toRepeat = await runBlock(compare, env);
    expect(toRepeat.join('\n')).toMatch(new RegExp(`user\\.disabled \\| ${people.disabled.id}`));
    expect(toRepeat.join('\n')).toMatch(new RegExp(`password\\.changed \\| ${people.changed.id}`));
    await runBlock(repeat, { ...env, DISABLED_ID: people.disabled.id });
    const fourth = await start();
    const refused = await expectNothingRevived(fourth, after);
    await expect(signIn(fourth.http, people.disabled)).rejects.toThrow(/401/);
    expect(await verdict((await signIn(fourth.http, people.staying)).http)).toBe('accepted');
    // As the table says: the old password is good again.
    expect(await verdict((await signIn(fourth.http, people.changed)).http)).toBe('accepted');
    expect(await fourth.stop()).toBe(0);
    console.log(
      `proof: embedded restore without the forced expiration: ${revived.length} of ${after.ended.length} ended tokens accepted, a used ` +
        `refresh token good again; with it: 0 of ${refused} accepted; restored in ${restoredMs.toFixed(0)} ms`,
    );
  });
});

describe('Backup and restore: an external database', () => {
  const [backUp, restore] = blocksBelow('### An external database');

  (canDump ? it : it.skip)('ends what the dump did not know to have ended', async () => {
    const postgres = await startSystemPostgres();
    try {
      const lost = await postgres.createDatabase('lost');
      const fresh = await postgres.createDatabase('fresh');
      const env = { BACKUP: join(directory, 'portcullis.dump') };
      const first = await start({ DATABASE_URL: lost, PORTCULLIS_MASTER_KEY: key(1) });
      const admin = await logIn(first.http, ADMIN);
      const people = await createPeople(admin);
      const atBackup = await signIn(first.http, people.staying);
      await runBlock(backUp, { ...env, DATABASE_URL: lost });
      const after = await liveOn({ http: first.http, admin }, people, atBackup);
      expect(await first.stop()).toBe(0);

      await runBlock(restore, { ...env, DATABASE_URL: fresh });
      const second = await start({ DATABASE_URL: fresh, PORTCULLIS_MASTER_KEY: key(1) });
      const refused = await expectNothingRevived(second, after);
      // The triggers are there as before.
      const session = await signIn(second.http, people.disabled);
      await runBlock(blocksBelow('### The embedded database')[3], {
        DATABASE_URL: fresh,
        DISABLED_ID: people.disabled.id,
      });
      expect(await verdict(session.http)).toBe('401 user_disabled');
      expect(await second.stop()).toBe(0);
      console.log(`proof: external restore by pg_restore: 0 of ${refused} ended or older tokens accepted`);
    } finally {
      await Promise.all(started.splice(0).map((service) => service.stop('SIGKILL')));
      await postgres.stop();
    }
  });
});

describe('on an external database', () => {
  beforeEach(async () => {
    database = await createDatabase('empty');
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((service) => service.stop('SIGKILL')));
    await database.drop();
  });

  /** A fingerprint of every row of every table. */
  async function content(): Promise<Record<string, string>> {
    const tables = await database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
    );
    const prints: Record<string, string> = {};
    for (const { name } of tables) {
      const [row] = await database.query<{ print: string }>(
        `SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) AS print
         FROM ${name} t`,
      );
      prints[name] = row?.print ?? '';
    }
    return prints;
  }

  it('The master key: a copy can be told from another key, and a wrong or missing one changes nothing', async () => {
    const env = { DATABASE_URL: database.url };
    const first = await start({ ...env, PORTCULLIS_MASTER_KEY: key(1) });
    const session = await signIn(first.http, ADMIN);
    expect(await first.stop()).toBe(0);

    const [compare] = blocksBelow('### Is the copy good?');
    const [inUse, name] = await runBlock(compare, { ...env, KEY_COPY: key(1) });
    expect(name).toBe(inUse);
    const [, other] = await runBlock(compare, { ...env, KEY_COPY: key(2) });
    expect(other).not.toBe(inUse);

    const before = await content();
    expect(Object.keys(before)).toContain('signing_keys');
    for (const wrong of [{ PORTCULLIS_MASTER_KEY: key(2) }, {}]) {
      const service = spawn({ ...env, ...wrong });
      expect(await service.ended()).toBe(1);
      expect(service.stderr).toMatch(/master key/);
      expect(await content()).toEqual(before);
    }
    const again = await start({ ...env, PORTCULLIS_MASTER_KEY: key(1) });
    expect(await verdict(again.http.as(session.accessToken))).toBe('accepted');
    expect(await refreshVerdict(again.http, session.refreshToken)).toBe('refreshed');
  });

  it('The master key: when it is lost, everybody logs in again, and nothing else is lost', async () => {
    const env = { DATABASE_URL: database.url };
    const first = await start({ ...env, PORTCULLIS_MASTER_KEY: key(1) });
    const people = await createPeople(await logIn(first.http, ADMIN));
    const session = await signIn(first.http, people.staying);
    expect(await first.stop()).toBe(0);

    const [lost] = blocksBelow('### The key is lost');
    await runBlock(lost, env);
    const second = await start({ ...env, PORTCULLIS_MASTER_KEY: key(2) });
    expect(await verdict(second.http.as(session.accessToken))).toBe('401 key_revoked');
    expect(await refreshVerdict(second.http, session.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict((await signIn(second.http, people.staying)).http)).toBe('accepted');
  });

  it('Upgrade: an instance is replaced while its tokens go on', async () => {
    const env = { DATABASE_URL: database.url, PORTCULLIS_MASTER_KEY: key(1) };
    const old = await start(env);
    const session = await signIn(old.http, ADMIN);
    const next = await start(env);
    const [wait] = blocksBelow('## Upgrade');
    const printed = await runBlock(wait, { ...env, NEW_INSTANCE: next.http.url });
    expect(printed.join('\n')).toContain('Core1763700000000');
    expect(await old.stop()).toBe(0);
    expect(await verdict(next.http.as(session.accessToken))).toBe('accepted');
    expect(await refreshVerdict(next.http, session.refreshToken)).toBe('refreshed');
  });
});

describe('Locked out', () => {
  const [unlock, reset, restoreAdmin] = blocksBelow('## Locked out');

  it('an operator gets back in, while the service runs on its embedded database', async () => {
    const env = { PORTCULLIS_DATA_DIR: dataDir };
    const { http } = await start();
    for (let n = 0; n < 10; n++) await http.post('/v1/auth/login', { ...ADMIN, password: `wrong ${n}` });
    expect((await http.post('/v1/auth/login', ADMIN)).status).toBe(429);
    await runBlock(unlock, env);
    const session = await signIn(http, ADMIN);

    const temporary = 'told by telephone, once';
    await runBlock(reset, { ...env, NEW_PASSWORD: temporary });
    expect(await verdict(session.http)).toBe('401 credentials_changed');
    const login = await http.post('/v1/auth/login', { ...ADMIN, password: temporary });
    expect(login.status).toBe(403);
    const chosen = 'violet otters juggle lanterns';
    const { status } = await http.post('/v1/auth/password/change', {
      changeToken: login.body['changeToken'],
      newPassword: chosen,
    });
    expect(status).toBe(200);

    const admin = await logIn(http, { ...ADMIN, password: chosen });
    const { body } = await admin.get('/v1/auth/me');
    await runBlock(`sql "DELETE FROM user_roles WHERE role_name = 'admin'"`, env);
    await runBlock(`sql "UPDATE users SET status = 'disabled' WHERE id = '${String(body['id'])}'"`, env);
    await expect(logIn(http, { ...ADMIN, password: chosen })).rejects.toThrow(/401/);
    await runBlock(restoreAdmin, { ...env, ADMIN: ADMIN.username });
    const back = await logIn(http, { ...ADMIN, password: chosen });
    expect((await back.get('/v1/users')).status).toBe(200);
  });
});

describe('docs/operations.md', () => {
  it('has no block that was not run', () => {
    const blocks = allBlocks();
    const left = blocks.filter((block) => !runBlocks.has(block));
    console.log(
      `proof: ${blocks.length - left.length} of the ${blocks.length} blocks of commands on the page were run`,
    );
    expect(left.filter((block) => canDump || !/\bpg_(dump|restore)\b/.test(block))).toEqual([]);
  });
});
