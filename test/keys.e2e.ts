import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase } from './support/database.js';
import { signIn, verdict } from './support/people.js';
import { ADMIN } from './support/app.js';
import { headerOf } from './support/tokens.js';

interface Jwks {
  keys: Record<string, string>[];
}

const SHORT = { PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 9).toString('base64') };

describe('the published keys', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { PORTCULLIS_JWKS_MAX_AGE: '77' } });
  });
  afterAll(() => app.close());

  it.each(['/.well-known/jwks.json', '/jwks.json', '/keys'])(
    'stand at %s, public halves only, and may be cached',
    async (path) => {
      const { status, headers, body } = await app.http.get<Jwks>(path);
      expect(status).toBe(200);
      expect(headers.get('cache-control')).toBe('public, max-age=77');
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      expect(body.keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'e', 'kid', 'kty', 'n', 'use']]);
      const again = await app.http.get(path, { headers: { 'if-none-match': headers.get('etag') ?? '' } });
      expect([again.status, again.body]).toEqual([304, '']);
      expect((await app.http.get(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    },
  );

  it('never have their private halves in the table as they are', async () => {
    const [row] = await app.database.query<{ private_key: Buffer; state: string }>(
      'SELECT private_key, state FROM signing_keys',
    );
    expect(row?.state).toBe('active');
    // DER of PKCS#8 begins with a SEQUENCE, and holds the version and the algorithm's name in the clear.
    expect(row?.private_key.includes(Buffer.from('06092a864886f70d010101', 'hex'))).toBe(false);
  });

  it('change at once when the active key is revoked, even in SQL: its tokens end, and the next login signs with another', async () => {
    const before = await signIn(app.http, ADMIN);
    await app.database.query(`UPDATE signing_keys SET state = 'revoked', revoked_at = now()`);
    expect(await verdict(before.http)).toBe('401 key_revoked');
    const after = await signIn(app.http, ADMIN);
    expect(headerOf(after.accessToken)['kid']).not.toBe(headerOf(before.accessToken)['kid']);
    expect(await verdict(after.http)).toBe('accepted');
    expect(await verdict(before.http)).toBe('401 key_revoked');
  });
});

describe('every algorithm', () => {
  it.each(['RS384', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    '%s signs tokens that the guard and other libraries accept',
    async (algorithm) => {
      const app = await startApp({ env: { PORTCULLIS_SIGNING_ALGORITHM: algorithm } });
      try {
        const { accessToken, http } = await signIn(app.http, ADMIN);
        expect(headerOf(accessToken)['alg']).toBe(algorithm);
        expect(await verdict(http)).toBe('accepted');
        const jwks = createRemoteJWKSet(new URL(`${app.url}/jwks.json`));
        const { payload } = await jwtVerify(accessToken, jwks, { algorithms: [algorithm], typ: 'at+jwt' });
        expect(payload['as_of']).toBeGreaterThan(0);
      } finally {
        await app.close();
      }
    },
  );
});

describe('the master key', () => {
  it('must be the one that the keys are encrypted under; else nothing starts and nothing changes', async () => {
    const database = await createDatabase();
    try {
      const first = await startApp({ database });
      await first.close();
      const keys = await database.query('SELECT * FROM signing_keys');
      await expect(startApp({ database, env: SHORT })).rejects.toThrow(/master key/i);
      expect(await database.query('SELECT * FROM signing_keys')).toEqual(keys);
    } finally {
      await database.drop();
    }
  });

  it('is asked for, not invented, when the database needs one', async () => {
    const database = await createDatabase();
    try {
      const first = await startApp({ database });
      await first.close();
      await expect(startApp({ database, env: { PORTCULLIS_MASTER_KEY: '' } })).rejects.toThrow(/PORTCULLIS_MASTER_KEY/);
    } finally {
      await database.drop();
    }
  });
});

describe('several instances', () => {
  it('that start at once on an empty database make one key, and verify each other’s tokens', async () => {
    const database = await createDatabase();
    const apps = await Promise.all(
      [1, 2, 3].map(() => startApp({ database, env: { PORTCULLIS_ISSUER: 'https://auth.example' } })),
    );
    try {
      expect(await database.query('SELECT kid FROM signing_keys')).toHaveLength(1);
      for (const from of apps) {
        const { accessToken } = await signIn(from.http, ADMIN);
        for (const at of apps) expect(await verdict(at.http.as(accessToken))).toBe('accepted');
      }
    } finally {
      for (const app of apps) await app.close();
      await database.drop();
    }
  });

  it('learn of a key that another one made', async () => {
    const database = await createDatabase();
    const env = { PORTCULLIS_ISSUER: 'https://auth.example' };
    const [a, b] = [await startApp({ database, env }), await startApp({ database, env })];
    try {
      await database.query(`UPDATE signing_keys SET state = 'revoked'`);
      const { accessToken } = await signIn(a.http, ADMIN);
      expect(await verdict(b.http.as(accessToken))).toBe('accepted');
    } finally {
      await a.close();
      await b.close();
      await database.drop();
    }
  });
});
