import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN, startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { KeyDrill, type ShownKey } from './support/key-drill.js';
import { signIn, verdict } from './support/people.js';
import { headerOf } from './support/tokens.js';
import { until } from './support/until.js';

let app: TestApp;
let keys: KeyDrill;

beforeAll(async () => {
  app = await startApp();
  keys = await KeyDrill.on(app);
});
afterAll(() => app.close());

describe('a rotation', () => {
  it('publishes the next key, lets it sign when verifiers know it, and retires the one before when its tokens have expired', async () => {
    const first = await keys.activeKid();
    const before = await signIn(app.http, ADMIN);
    const { status, body } = await (await keys.client()).post<ShownKey>('/v1/keys/rotate');
    expect([status, body]).toEqual([201, { kid: expect.any(String), state: 'pending' }]);
    const second = body.kid;
    expect(await keys.published()).toEqual([first, second]);
    expect(await keys.signingKid()).toBe(first);

    await keys.age(second, 304);
    await keys.tend();
    expect(await keys.signingKid()).toBe(first);
    await keys.age(second, 1);
    await keys.tend();
    expect(await keys.signingKid()).toBe(second);
    expect(new Set(await keys.published())).toEqual(new Set([first, second]));
    expect(await verdict(before.http)).toBe('accepted');
    const { retireAt, retiringAt, state } = await keys.read(first);
    expect(state).toBe('retiring');
    // The longest token is one of 24 hours, and ten minutes are for clocks.
    expect(Date.parse(String(retireAt)) - Date.parse(String(retiringAt))).toBe((24 * 3600 + 600) * 1000);
    expect(await keys.privateHalves([first, second])).toEqual([second]);

    await keys.age(first, 24 * 3600 + 599);
    await keys.tend();
    expect(await keys.published()).toContain(first);
    await keys.age(first, 1);
    await keys.tend();
    expect(await keys.published()).toEqual([second]);
    expect(await keys.read(first)).toMatchObject({ state: 'retired', retiredAt: expect.any(String) });
    expect(await keys.trailOf(first)).toEqual([
      'key.created by system',
      'key.retiring by system',
      'key.retired by system',
    ]);
    expect(await keys.trailOf(second)).toEqual(['key.created by user', 'key.activated by system']);
  });

  it('happens once while the next key is pending', async () => {
    const { kid } = await keys.rotate();
    expect(await keys.rotate('RS256')).toEqual({ kid, state: 'pending' });
    expect(await keys.kidsIn('pending')).toEqual([kid]);
  });

  it('signs at once for an algorithm that has no key', async () => {
    const { kid, state } = await keys.rotate('EdDSA');
    expect(state).toBe('active');
    expect(await keys.published()).toContain(kid);
    expect(await keys.rotate('EdDSA')).toMatchObject({ state: 'pending' });
  });

  it('is made by age, in time for the next key to sign when the age is reached, without anybody asking', async () => {
    const first = await keys.rotate('ES256');
    // Only of an algorithm that something asks for.
    await app.database.query(`INSERT INTO audiences (identifier, algorithm) VALUES ('urn:es256', 'ES256')`);
    await keys.age(first.kid, 90 * 24 * 3600 - 305 - 60);
    await keys.tend();
    expect(await keys.kidsIn('pending', 'ES256')).toEqual([]);
    await keys.age(first.kid, 60);
    await keys.tend();
    await keys.tend();
    const [second, ...more] = await keys.kidsIn('pending', 'ES256');
    expect(more).toEqual([]);
    await keys.age(String(second), 305);
    await keys.tend();
    expect([await keys.activeKid('ES256'), await keys.kidsIn('retiring', 'ES256')]).toEqual([second, [first.kid]]);
    expect(await keys.trailOf(String(second))).toEqual(['key.created by system', 'key.activated by system']);
  });

  it('retires by age the key of an algorithm that nothing asks for', async () => {
    const { kid } = await keys.rotate('ES512');
    await keys.age(kid, 90 * 24 * 3600);
    await keys.tend();
    expect([await keys.kidsIn('retiring', 'ES512'), await keys.kidsIn('active', 'ES512')]).toEqual([[kid], []]);
  });
});

describe('a revocation', () => {
  it('of the active key ends its tokens at once, and the next login finds another', async () => {
    for (const kid of await keys.kidsIn('pending')) await keys.revoke(kid);
    const active = await keys.activeKid();
    const before = await signIn(app.http, ADMIN);
    const { status, body } = await keys.revoke(active, { reason: 'a backup was stolen' });
    expect([status, body]).toEqual([200, { kid: active, state: 'revoked' }]);
    expect(await keys.published()).not.toContain(active);
    expect(await verdict(before.http)).toBe('401 key_revoked');
    const next = await keys.activeKid();
    expect(await keys.read(next)).toMatchObject({ state: 'active', activatedAt: expect.any(String) });
    expect(await keys.privateHalves([active, next])).toEqual([next]);
    const [row] = await app.database.query(`SELECT * FROM audit_events WHERE action = 'key.revoked' ORDER BY id DESC`);
    expect(row).toMatchObject({
      actor_type: 'user',
      target_id: active,
      details: { algorithm: 'RS256', before: 'active', reason: 'a backup was stolen' },
    });
  });

  it('of the active key lets the pending one sign early', async () => {
    const active = await keys.activeKid();
    const { kid } = await keys.rotate();
    await keys.revoke(active);
    expect([await keys.activeKid(), await keys.kidsIn('pending')]).toEqual([kid, []]);
  });

  it('is done once, however often it is asked for, and never undone', async () => {
    const { kid } = await keys.rotate();
    const answers = [await keys.revoke(kid), await keys.revoke(kid, {}), await keys.revoke(kid, { reason: 'again' })];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await keys.age(kid, 1000);
    await keys.tend();
    expect(await keys.read(kid)).toMatchObject({ state: 'revoked', activatedAt: null });
    expect((await keys.trailOf(kid)).filter((action) => action.startsWith('key.revoked'))).toHaveLength(1);
  });

  it('of a retiring and of a retired key ends what they signed', async () => {
    const retiring = await keys.activeKid();
    const old = await signIn(app.http, ADMIN);
    const { kid } = await keys.rotate();
    await keys.age(kid, 305);
    await keys.tend();
    expect(await verdict(old.http)).toBe('accepted');
    await keys.revoke(retiring);
    expect(await verdict(old.http)).toBe('401 key_revoked');
    expect(await keys.published()).not.toContain(retiring);
    expect(await keys.activeKid()).toBe(kid);

    const [retired] = await keys.kidsIn('retired');
    expect((await keys.revoke(String(retired))).status).toBe(200);
    const events = await app.database.query(`SELECT FROM validity_events WHERE kind = 'signing_key' AND key = $1`, [
      retired,
    ]);
    expect(events).toHaveLength(1);
  });

  it('is not followed by a new key where nothing asks for one', async () => {
    const { kid } = await keys.rotate('PS256');
    await keys.revoke(kid);
    expect(await keys.kidsIn('active', 'PS256')).toEqual([]);
    expect(await keys.rotate('PS256')).toMatchObject({ state: 'active' });
  });

  it('typed into psql is completed: another key signs, and the private half goes', async () => {
    const active = await keys.activeKid();
    await app.database.query(`UPDATE signing_keys SET state = 'revoked' WHERE kid = $1`, [active]);
    await keys.tend();
    expect(await keys.privateHalves([active])).toEqual([]);
    expect(await keys.activeKid()).not.toBe(active);
  });
});

it('a retired key that is set to active in psql does not stop logins', async () => {
  const active = await keys.activeKid();
  const [retired] = await keys.kidsIn('retired');
  await app.database.query(`UPDATE signing_keys SET state = 'retiring' WHERE kid = $1`, [active]);
  await app.database.query(`UPDATE signing_keys SET state = 'active' WHERE kid = $1`, [retired]);
  await keys.tend();
  await keys.tend();
  expect([active, retired]).not.toContain(await keys.signingKid());
  expect((await keys.read(active)).retireAt).not.toBeNull();
});

describe('a crash in the middle', () => {
  afterEach(async () => {
    await app.database.query('DROP TRIGGER IF EXISTS crash ON audit_events; DROP FUNCTION IF EXISTS crash');
  });

  /** Ends the connection of whoever writes this into the audit trail, in the middle of the transaction that it belongs to. */
  async function crashAt(action: string): Promise<void> {
    await app.database.query(`
      CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
      CREATE TRIGGER crash BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.action = '${action}') EXECUTE FUNCTION crash();`);
  }

  it.each(['key.created', 'key.retiring', 'key.activated', 'key.retired'])(
    'at %s changes nothing, and is made up for',
    async (action) => {
      const active = await keys.activeKid();
      if (action === 'key.created') await keys.age(active, 90 * 24 * 3600);
      else {
        const { kid } = await keys.rotate();
        await keys.age(kid, 305);
      }
      if (action === 'key.retired') {
        await keys.tend();
        await keys.age(active, 25 * 3600);
      }
      const before = await app.database.query('SELECT * FROM signing_keys ORDER BY kid');
      await crashAt(action);
      await expect(keys.tend()).rejects.toThrow();
      expect(await app.database.query('SELECT * FROM signing_keys ORDER BY kid')).toEqual(before);
      expect(await verdict((await signIn(app.http, ADMIN)).http)).toBe('accepted');
      await app.database.query('DROP TRIGGER crash ON audit_events');
      await keys.tend();
      const after = await app.database.query('SELECT * FROM signing_keys ORDER BY kid');
      expect(after).not.toEqual(before);
      expect(await verdict((await signIn(app.http, ADMIN)).http)).toBe('accepted');
      await keys.activeKid();
    },
  );
});

describe('by itself', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());

  it.each(['0', '1'])('a rotation takes its course with PORTCULLIS_JWKS_MAX_AGE=%s', async (maxAge) => {
    const own = await startApp({ database, env: { PORTCULLIS_JWKS_MAX_AGE: maxAge } });
    try {
      const client = await own.admin();
      const { body } = await client.post<ShownKey>('/v1/keys/rotate');
      expect(body.state).toBe(maxAge === '0' ? 'active' : 'pending');
      const stateOf = async (): Promise<unknown> => (await client.get<ShownKey>(`/v1/keys/${body.kid}`)).body.state;
      await until('it signs', async () => (await stateOf()) === 'active');
      const { accessToken, http } = await signIn(own.http, ADMIN);
      expect([headerOf(accessToken)['kid'], await verdict(http), await verdict(client)]).toEqual([
        body.kid,
        'accepted',
        'accepted',
      ]);
    } finally {
      await own.close();
    }
  });
});
