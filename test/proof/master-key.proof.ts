import { copyFileSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SYSTEM } from '../../src/common/principal.js';
import { MasterKey } from '../../src/common/master-key.js';
import { MasterKeyRewrap } from '../../src/keys/rewrap.service.js';
import { ADMIN, startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { KeyDrill } from '../support/key-drill.js';
import { masterKeysInUse, startIn, wrappedRows, type Stage } from '../support/master-keys.js';
import {
  createPerson,
  refreshVerdict,
  signIn,
  signedIn,
  verdict,
  type Person,
  type SignedIn,
} from '../support/people.js';

const NONE_LEFT = { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 };

let database: TestDatabase;
const running = new Set<TestApp>();

beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const app of running) await app.close();
  running.clear();
  await database.drop();
});

async function start(stage: Stage, env?: Record<string, string>): Promise<TestApp> {
  const app = await startIn(stage, database, env);
  running.add(app);
  return app;
}

async function stop(app: TestApp): Promise<void> {
  running.delete(app);
  await app.close();
}

async function changeTokenOf(app: TestApp, person: Person): Promise<string> {
  await database.query('UPDATE users SET must_change_password = true WHERE id = $1', [person.id]);
  const { body } = await app.http.post('/v1/auth/login', { username: person.username, password: person.password });
  return String(body['changeToken']);
}

async function refreshed(app: TestApp, { refreshToken }: SignedIn): Promise<SignedIn> {
  const { status, body } = await app.http.post('/v1/auth/refresh', { refresh_token: refreshToken });
  expect(status).toBe(200);
  return signedIn(app.http, body);
}

describe('a rotation of the master key', () => {
  it('ends no session, no change token and no signing, with instances in different stages at once', async () => {
    const zero = await start('the old key alone');
    const ann = await createPerson(await zero.admin());
    const changeToken = await changeTokenOf(zero, ann);
    let session = await signIn(zero.http, ADMIN);

    // Stage 1: each instance knows both, the old one first.
    const one = await start('the old key first');
    session = await refreshed(one, session);
    expect(await verdict(zero.http.as(session.accessToken))).toBe('accepted');
    await stop(zero);

    // Stage 2: the new one first. Beside it an instance of stage 1 goes on, and each makes keys that the other signs with.
    const two = await start('the new key first');
    for (const [maker, other] of [
      [two, one],
      [one, two],
    ] as const) {
      const keys = await KeyDrill.on(maker);
      const { kid } = await keys.rotate();
      await keys.age(kid, 3600);
      await keys.tend();
      session = await refreshed(other, session);
      expect(await keys.signingKid()).toBe(kid);
      for (const app of [maker, other]) expect(await verdict(app.http.as(session.accessToken))).toBe('accepted');
    }
    expect(await masterKeysInUse(database)).toHaveLength(1);

    const report = await two.nest.get(MasterKeyRewrap).run(SYSTEM);
    expect(report).toMatchObject({ left: NONE_LEFT, unreadable: [], rewrapped: { serverSecrets: 4 } });
    expect(report.rewrapped.signingKeys).toBeGreaterThan(0);
    expect(await masterKeysInUse(database)).toEqual([two.nest.get(MasterKey).id]);
    for (const app of [one, two]) session = await refreshed(app, session);
    const restarted = await start('the old key first');
    session = await refreshed(restarted, session);
    await stop(restarted);
    await stop(one);

    // Stage 3: the old one is gone.
    const three = await start('the new key alone');
    session = await refreshed(three, session);
    for (const app of [two, three]) expect(await verdict(app.http.as(session.accessToken))).toBe('accepted');
    const change = { changeToken, newPassword: 'violet otters juggle lanterns' };
    expect((await three.http.post('/v1/auth/password/change', change)).status).toBe(200);
  });

  it('may follow a start on the version before, whose sessions go on', async () => {
    const before = await start('the old key alone');
    let session = await signIn(before.http, ADMIN);
    // As the version before left it, which derived these secrets.
    await database.query('DELETE FROM server_secrets');
    const after = await start('the old key alone');
    session = await refreshed(after, session);
    session = await refreshed(before, session);
    // And as it left it when the master key is replaced in the same step.
    await database.query('DELETE FROM server_secrets');
    const rotating = await start('the new key first');
    session = await refreshed(rotating, session);
    expect(await refreshVerdict(before.http, session.refreshToken)).toBe('refreshed');
  });

  it('works with the key that was generated into the data directory', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'portcullis-rotation-'));
    const path = join(dataDir, 'master.key');
    const env = { PORTCULLIS_MASTER_KEY: '', PORTCULLIS_DATA_DIR: dataDir };
    try {
      const before = await start('the old key alone', env);
      let session = await signIn(before.http, ADMIN);
      await stop(before);
      copyFileSync(path, `${path}.old`);
      writeFileSync(`${path}.new`, `${Buffer.alloc(32, 11).toString('base64')}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      const previous = { PORTCULLIS_MASTER_KEY_PREVIOUS: readFileSync(`${path}.old`, 'utf8').trim() };
      const rotating = await start('the old key alone', { ...env, ...previous });
      session = await refreshed(rotating, session);
      expect((await rotating.nest.get(MasterKeyRewrap).run(SYSTEM)).left).toEqual(NONE_LEFT);
      await stop(rotating);
      const after = await start('the old key alone', env);
      await refreshed(after, session);
      expect(readdirSync(dataDir).sort()).toEqual(['master.key', 'master.key.old']);
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });
});

describe('an instance with the wrong master key', () => {
  /** What it says as it fails; the database is as it was. */
  async function failure(stage: Stage, env?: Record<string, string>): Promise<string> {
    const before = await wrappedRows(database);
    const error: unknown = await startIn(stage, database, env).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(await wrappedRows(database)).toEqual(before);
    return (error as Error).message;
  }

  it('does not start, and says which key it lacks', async () => {
    const old = await start('the old key alone');
    const { id } = old.nest.get(MasterKey);
    await stop(old);
    for (const stage of ['a third key', 'the new key alone'] as const) {
      expect(await failure(stage)).toMatch(new RegExp(`theirs is named ${id}.*PORTCULLIS_MASTER_KEY_PREVIOUS`));
    }
    // Also where no signing key would tell.
    await database.query(`UPDATE signing_keys SET state = 'revoked', private_key = NULL, master_key_id = NULL`);
    expect(await failure('a third key')).toMatch(`theirs is named ${id}`);
    expect(await failure('the old key alone', { PORTCULLIS_MASTER_KEY: '' })).toMatch(/PORTCULLIS_MASTER_KEY/);
  });

  it('does not start without the old one before everything is re-wrapped', async () => {
    await stop(await start('the old key alone'));
    const rotating = await start('the new key first');
    // A key that was made in the meantime is under the new one already; the rest is not.
    await (await KeyDrill.on(rotating)).rotate('ES256');
    expect(await masterKeysInUse(database)).toHaveLength(2);
    expect(await failure('the new key alone')).toMatch(/PORTCULLIS_MASTER_KEY_PREVIOUS/);
    expect(await failure('the old key alone')).toMatch(/PORTCULLIS_MASTER_KEY_PREVIOUS/);
  });

  it('does not start when both are the same', async () => {
    const same = { PORTCULLIS_MASTER_KEY_PREVIOUS: Buffer.alloc(32, 7).toString('base64') };
    await expect(startIn('the old key alone', database, same)).rejects.toThrow(/PREVIOUS is the master key itself/);
  });

  it('does not start on a secret that was altered, or put in another row, and says which', async () => {
    await stop(await start('the old key alone'));
    await database.query(`UPDATE server_secrets SET secret = set_byte(secret, 40, get_byte(secret, 40) # 1)
      WHERE purpose = 'refresh-token-mac'`);
    expect(await failure('the old key alone')).toMatch(/refresh-token-mac cannot be decrypted.*altered/);
    await database.query(`UPDATE server_secrets SET secret = (SELECT secret FROM server_secrets WHERE purpose = 'refresh-token-successor')
      WHERE purpose = 'refresh-token-mac'`);
    expect(await failure('the old key alone')).toMatch(/refresh-token-mac cannot be decrypted.*altered/);
  });
});

describe('several instances that start at once on an empty database', () => {
  it('agree on the secrets', async () => {
    const apps = await Promise.all([1, 2, 3].map(() => start('the old key alone')));
    expect(await database.query('SELECT FROM server_secrets')).toHaveLength(4);
    const [first] = apps;
    if (!first) throw new Error('nothing started');
    let session = await signIn(first.http, ADMIN);
    for (const app of apps) session = await refreshed(app, session);
  });

  it('with master keys of their own: one wins, and the others say so', async () => {
    const outcomes = await Promise.allSettled(
      [11, 12, 13].map((byte) =>
        startApp({ database, env: { PORTCULLIS_MASTER_KEY: Buffer.alloc(32, byte).toString('base64') } }),
      ),
    );
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    for (const app of started) running.add(app);
    expect(started).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toMatch(/master key is not the one/);
    }
    expect(await masterKeysInUse(database)).toEqual([started[0]?.nest.get(MasterKey).id]);
  });
});
