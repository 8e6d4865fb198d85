import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeysService } from '../../src/keys/keys.service.js';
import { SigningKeyGone } from '../../src/keys/signing-key-gone.js';
import { ADMIN, startApp, type TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { KeyDrill, type ShownKey } from '../support/key-drill.js';
import { signIn, verdict } from '../support/people.js';
import { headerOf } from '../support/tokens.js';

/** Such keys are made much faster than RSA keys. */
const ENV = { PORTCULLIS_ISSUER: 'https://auth.example', PORTCULLIS_SIGNING_ALGORITHM: 'ES256' };
const NOTICE = 305;
const ROTATION_AGE = 90 * 24 * 3600;

let database: TestDatabase;
let a: TestApp;
let b: TestApp;
let keys: [KeyDrill, KeyDrill];

beforeAll(async () => {
  database = await createDatabase();
  [a, b] = [await startApp({ database, env: ENV }), await startApp({ database, env: ENV })];
  keys = [await KeyDrill.on(a), await KeyDrill.on(b)];
});
afterAll(async () => {
  await a.close();
  await b.close();
  await database.drop();
});

/** At both instances by turns, all at once. */
async function atOnce<T>(count: number, ask: (drill: KeyDrill) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => ask(keys[n % 2 === 0 ? 0 : 1])));
}

describe('two instances', () => {
  it('make one successor when 50 ask for it at once', async () => {
    const answers = await atOnce(50, (drill) => drill.rotate());
    expect(new Set(answers.map(({ kid }) => kid)).size).toBe(1);
    expect(await keys[0].kidsIn('pending', 'ES256')).toEqual([answers[0]?.kid]);
    expect(new Set(answers.map(({ state }) => state))).toEqual(new Set(['pending']));
  });

  it('make one first key when 50 ask for it at once', async () => {
    const answers = await atOnce(50, (drill) => drill.rotate('ES384'));
    expect(new Set(answers.map(({ kid }) => kid)).size).toBe(1);
    expect([await keys[0].kidsIn('active', 'ES384'), await keys[0].kidsIn('pending', 'ES384')]).toEqual([
      [answers[0]?.kid],
      [],
    ]);
  });

  it('make one successor by age, let it sign once, and accept each other’s tokens all along', async () => {
    for (let round = 0; round < 4; round++) {
      const [pending = ''] = await keys[0].kidsIn('pending', 'ES256');
      await keys[0].age(pending, NOTICE);
      await atOnce(6, (drill) => drill.tend());
      expect(await keys[1].activeKid('ES256')).toBe(pending);
      await keys[0].age(pending, ROTATION_AGE);
      await atOnce(6, (drill) => drill.tend());
      expect(await keys[1].activeKid('ES256')).toBe(pending);
      expect(await keys[0].kidsIn('pending', 'ES256')).toHaveLength(1);
      for (const [from, at] of [
        [a, b],
        [b, a],
      ] as const) {
        const { accessToken } = await signIn(from.http, ADMIN);
        expect(headerOf(accessToken)['kid']).toBe(pending);
        expect(await verdict(at.http.as(accessToken))).toBe('accepted');
      }
    }
  });

  it('revoke a key once when 20 ask for it at once, and have one that signs', async () => {
    const kid = await keys[0].activeKid('ES256');
    const tokens = await Promise.all([a, b].map(({ http }) => signIn(http, ADMIN)));
    const clients = [await keys[0].client(), await keys[1].client()] as const;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => clients[n % 2 === 0 ? 0 : 1].post<ShownKey>(`/v1/keys/${kid}/revoke`)),
    );
    // Those who come second may be refused, as every bearer of a token that this key signed.
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([]);
    for (const { accessToken } of tokens) {
      for (const { http } of [a, b]) expect(await verdict(http.as(accessToken))).toBe('401 key_revoked');
    }
    expect(await keys[0].activeKid('ES256')).not.toBe(kid);
    expect((await keys[0].trailOf(kid)).filter((what) => what === 'key.revoked by user')).toHaveLength(1);
  });

  it('say that a key is gone, rather than fail, where its private half went before it was used', async () => {
    const service = a.nest.get(KeysService);
    const bytes = Buffer.from('facts');
    const [revoked, retired] = [(await keys[1].rotate('PS256')).kid, (await keys[1].rotate('EdDSA')).kid];
    await keys[1].revoke(revoked);
    const { kid } = await keys[1].rotate('EdDSA');
    await keys[1].age(kid, NOTICE);
    await keys[1].tend();
    for (const gone of [revoked, retired, 'never-there']) {
      await expect(service.sign(gone, bytes)).rejects.toThrow(SigningKeyGone);
    }
    expect(await service.sign(kid, bytes)).toHaveLength(64);
  });

  it('forget private halves that sign no more', async () => {
    const service = a.nest.get(KeysService);
    const { kid } = await keys[0].rotate('ES512');
    expect(await service.sign(kid, Buffer.from('facts'))).toHaveLength(132);
    await keys[1].revoke(kid);
    await service.refresh(kid);
    await expect(service.sign(kid, Buffer.from('facts'))).rejects.toThrow(SigningKeyGone);
  });
});
