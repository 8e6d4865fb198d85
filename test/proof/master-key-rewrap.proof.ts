import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { MasterKey } from '../../src/common/master-key.js';
import { SYSTEM } from '../../src/common/principal.js';
import { KeyVault } from '../../src/keys/key-vault.js';
import { KeysService } from '../../src/keys/keys.service.js';
import { MasterKeyRewrap } from '../../src/keys/rewrap.service.js';
import { SigningKey } from '../../src/keys/signing-key.entity.js';
import { ADMIN, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { enrol, signInWithTotp } from '../support/factors.js';
import { masterKeysInUse, startIn } from '../support/master-keys.js';
import { createPerson, refreshVerdict, signIn, verdict } from '../support/people.js';

/** More than one batch. */
const SECRETS = 230;

let database: TestDatabase;
let one: TestApp;
let two: TestApp;

beforeEach(async () => {
  database = await createDatabase();
  one = await startIn('the old key first', database);
  two = await startIn('the new key first', database);
});
afterEach(async () => {
  await one.close();
  await two.close();
  await database.drop();
});

const rewrap = ({ nest }: TestApp) => nest.get(MasterKeyRewrap).run(SYSTEM);

/** Audiences with secrets of their own, under the old master key. */
async function makeSecrets(): Promise<Map<string, Buffer>> {
  const secrets = new Map(
    Array.from({ length: SECRETS }, () => [randomBytes(16).toString('base64url'), randomBytes(32)]),
  );
  const vault = one.nest.get(KeyVault);
  const rows = [...secrets].map(([kid, secret]) => ({
    ...{ kid, algorithm: 'HS256', audience: `urn:${kid}`, state: 'active' as const },
    ...vault.seal(kid, createSecretKey(secret)),
  }));
  await one.nest.get(DataSource).manager.insert(SigningKey, rows);
  return secrets;
}

/** The secrets as an instance knows them that has just looked. */
async function known({ nest }: TestApp, kids: Iterable<string>): Promise<Map<string, Buffer | undefined>> {
  const keys = nest.get(KeysService);
  await keys.refresh('');
  return new Map([...kids].map((kid) => [kid, keys.get(kid)?.key.export()]));
}

async function trail(): Promise<Record<string, number>[]> {
  const rows = await database.query<{ details: Record<string, number>; target_id: string }>(
    `SELECT details, target_id FROM audit_events WHERE action = 'master_key.rewrapped' ORDER BY id`,
  );
  for (const { target_id } of rows) expect(target_id).toBe(two.nest.get(MasterKey).id);
  return rows.map(({ details }) => details);
}

describe('re-wrapping', () => {
  it('takes everything in batches, says what it did, and finds nothing to do the second time', async () => {
    const secrets = await makeSecrets();
    const report = await rewrap(two);
    expect(report).toEqual({
      masterKeyId: two.nest.get(MasterKey).id,
      rewrapped: { signingKeys: SECRETS + 1, serverSecrets: 4, totpSecrets: 0 },
      left: { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 },
      unreadable: [],
    });
    expect(await trail()).toEqual([
      { serverSecrets: 4 },
      { signingKeys: 100 },
      { signingKeys: 100 },
      { signingKeys: 31 },
    ]);
    expect((await rewrap(two)).rewrapped).toEqual({ signingKeys: 0, serverSecrets: 0, totpSecrets: 0 });
    expect(await trail()).toHaveLength(4);

    const three = await startIn('the new key alone', database);
    try {
      expect(await known(three, secrets.keys())).toEqual(secrets);
    } finally {
      await three.close();
    }
  });

  it('takes the secret of an app, whose user keeps the session and logs in with it under the new key alone', async () => {
    const bob = await enrol(one, await createPerson(await one.admin()));
    expect((await rewrap(two)).rewrapped.totpSecrets).toBe(1);
    expect(await verdict(bob.session.http)).toBe('accepted');
    const three = await startIn('the new key alone', database);
    try {
      expect(await refreshVerdict(three.http, bob.session.refreshToken)).toBe('refreshed');
      expect(await verdict((await signInWithTotp(three, bob)).http)).toBe('accepted');
      expect(await verdict(three.http.as(bob.session.accessToken))).toBe('accepted');
    } finally {
      await three.close();
    }
  });

  it('by several instances at once takes each row once, while people refresh', async () => {
    await makeSecrets();
    const { refreshToken } = await signIn(one.http, ADMIN);
    const [a, b, verdictAtOne] = await Promise.all([rewrap(two), rewrap(two), refreshVerdict(one.http, refreshToken)]);
    expect(verdictAtOne).toBe('refreshed');
    expect(a.rewrapped.signingKeys + b.rewrapped.signingKeys).toBe(SECRETS + 1);
    expect(a.rewrapped.serverSecrets + b.rewrapped.serverSecrets).toBe(4);
    expect(await masterKeysInUse(database)).toEqual([two.nest.get(MasterKey).id]);
  });

  it('goes on after a crash where it was, and nothing is lost in between', async () => {
    const secrets = await makeSecrets();
    const [late] = await database.query<{ kid: string }>(
      'SELECT kid FROM signing_keys ORDER BY kid OFFSET 215 LIMIT 1',
    );
    await database.query(`
      CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`);
    await database.query(`CREATE TRIGGER crash BEFORE UPDATE OF private_key ON signing_keys
      FOR EACH ROW WHEN (OLD.kid = '${late?.kid}') EXECUTE FUNCTION crash()`);
    await expect(rewrap(two)).rejects.toThrow();
    expect(await trail()).toEqual([{ serverSecrets: 4 }, { signingKeys: 100 }, { signingKeys: 100 }]);
    expect(await two.nest.get(MasterKeyRewrap).left()).toEqual({ signingKeys: 31, serverSecrets: 0, totpSecrets: 0 });

    // Half done, both still start, sign and refresh.
    const { refreshToken, accessToken } = await signIn(one.http, ADMIN);
    for (const stage of ['the old key first', 'the new key first'] as const) {
      const started = await startIn(stage, database);
      expect((await started.http.as(accessToken).get('/v1/auth/me')).status).toBe(200);
      expect(await refreshVerdict(started.http, refreshToken)).toBe('refreshed');
      expect(await known(started, secrets.keys())).toEqual(secrets);
      await started.close();
    }

    await database.query('DROP TRIGGER crash ON signing_keys');
    expect(await rewrap(two)).toMatchObject({
      rewrapped: { signingKeys: 31, serverSecrets: 0, totpSecrets: 0 },
      left: { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 },
    });
    expect(await masterKeysInUse(database)).toEqual([two.nest.get(MasterKey).id]);
  });

  it('leaves what neither master key opens, names it, and takes the rest', async () => {
    const [damaged = ''] = [...(await makeSecrets()).keys()];
    await database.query(
      'UPDATE signing_keys SET private_key = set_byte(private_key, 40, get_byte(private_key, 40) # 1) WHERE kid = $1',
      [damaged],
    );
    const before = await database.query('SELECT * FROM signing_keys WHERE kid = $1', [damaged]);
    for (const done of [SECRETS, 0]) {
      expect(await rewrap(two)).toMatchObject({
        rewrapped: { signingKeys: done },
        left: { signingKeys: 1, serverSecrets: 0, totpSecrets: 0 },
        unreadable: [damaged],
      });
    }
    expect(await database.query('SELECT * FROM signing_keys WHERE kid = $1', [damaged])).toEqual(before);
  });
});
