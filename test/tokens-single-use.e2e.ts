import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { inTransaction } from '../src/database/transaction.js';
import { SingleUseTokens, type Redeemed } from '../src/tokens/single-use-tokens.js';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, verdict, type Person } from './support/people.js';

const AT_ONCE = 50;

let app: TestApp;
let other: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_DATABASE_POOL_SIZE: '30' } });
  other = await startApp({ database: app.database, env: { PORTCULLIS_DATABASE_POOL_SIZE: '30' } });
  admin = await app.admin();
});
afterAll(async () => {
  await other.close();
  await app.close();
});
beforeEach(async () => {
  ann = await createPerson(admin);
});

const epochOf = async ({ id }: Person): Promise<string> => {
  const [user] = await app.database.query<{ epoch: string }>('SELECT session_epoch AS epoch FROM users WHERE id = $1', [
    id,
  ]);
  return String(user?.epoch);
};

async function issue(person: Person, { purpose = 'reset', ttlSeconds = 600, details = {} } = {}): Promise<string> {
  const sessionEpoch = await epochOf(person);
  return inTransaction(app.nest.get(DataSource), (manager) =>
    app.nest.get(SingleUseTokens).issue(manager, { purpose, userId: person.id, sessionEpoch, details, ttlSeconds }),
  );
}

const consume = (token: string, purpose = 'reset', { nest } = app): Promise<Redeemed | null> =>
  inTransaction(nest.get(DataSource), (manager) => nest.get(SingleUseTokens).consume(manager, purpose, token));

describe('a single-use token', () => {
  it('says once for whom it was issued, and what for', async () => {
    const token = await issue(ann, { details: { email: ann.email } });
    expect(token).toMatch(/^psu_[\w-]{43}$/);
    expect(await consume(token)).toEqual({
      userId: ann.id,
      sessionEpoch: await epochOf(ann),
      details: { email: ann.email },
    });
    expect(await consume(token)).toBeNull();
  });

  it(`is used by one of ${AT_ONCE} at once, at two instances`, async () => {
    for (let round = 0; round < 5; round++) {
      const token = await issue(ann);
      const uses = Array.from({ length: AT_ONCE }, (_, n) => consume(token, 'reset', n % 2 === 0 ? app : other));
      const redeemed = await Promise.all(uses);
      expect(redeemed.filter((use) => use !== null)).toHaveLength(1);
    }
  });

  it('is as good as before when whatever it was used for fails', async () => {
    const token = await issue(ann);
    const failing = inTransaction(app.nest.get(DataSource), async (manager) => {
      expect(await app.nest.get(SingleUseTokens).consume(manager, 'reset', token)).not.toBeNull();
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await consume(token)).toMatchObject({ userId: ann.id });
  });

  it('is good for its purpose alone, and is not used up by another', async () => {
    const token = await issue(ann);
    expect(await consume(token, 'verify-email')).toBeNull();
    expect(await consume(token)).toMatchObject({ userId: ann.id });
  });

  it('takes the place of the one before it, for the same user and purpose', async () => {
    const [first, verify] = [await issue(ann), await issue(ann, { purpose: 'verify-email' })];
    const second = await issue(ann);
    expect(await consume(first)).toBeNull();
    expect(await consume(second)).toMatchObject({ userId: ann.id });
    expect(await consume(verify, 'verify-email')).toMatchObject({ userId: ann.id });
  });

  it('is one of those issued at once, and no two are good', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => issue(ann)));
    const uses = await Promise.all(tokens.map((token) => consume(token)));
    expect(uses.filter((use) => use !== null)).toHaveLength(1);
  });

  it.each([
    ['the password changes', `UPDATE users SET password_hash = 'x' WHERE id = $1`],
    ['the user is disabled', `UPDATE users SET status = 'disabled' WHERE id = $1`],
    ['the user is deleted', 'DELETE FROM users WHERE id = $1'],
    ['it expires', `UPDATE single_use_tokens SET expires_at = clock_timestamp() WHERE user_id = $1`],
  ])('is worth nothing once %s', async (_, change) => {
    const token = await issue(ann);
    await app.database.query(change, [ann.id]);
    await app.database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [ann.id]);
    expect(await consume(token)).toBeNull();
  });

  it('is not what the database stores, nor to be guessed from it', async () => {
    const token = await issue(ann);
    const [row] = await app.database.query<{ row: string; hash: string }>(
      `SELECT t::text AS row, encode(hash, 'base64') AS hash FROM single_use_tokens t WHERE user_id = $1`,
      [ann.id],
    );
    expect(row?.row).not.toContain(token.slice(4));
    expect(await consume(`psu_${Buffer.from(String(row?.hash), 'base64').toString('base64url')}`)).toBeNull();
  });

  it.each([
    '',
    'psu_',
    `psu_${'A'.repeat(43)}`,
    `psu_${'A'.repeat(42)}`,
    `psu_${'\0'.repeat(43)}`,
    'x'.repeat(100_000),
  ])('is nothing that somebody makes up: %j', async (text) => {
    expect(await consume(text)).toBeNull();
  });

  it('is no access token and no refresh token', async () => {
    const token = await issue(ann);
    expect(await verdict(app.http.as(token))).toBe('401 invalid_token');
    const { status } = await app.http.post('/v1/auth/refresh', { refresh_token: token });
    expect(status).toBe(401);
    expect(await consume(token)).not.toBeNull();
  });

  it('is swept away a day after it expired, and not before', async () => {
    const expired = (age: string) =>
      app.database.query(
        'UPDATE single_use_tokens SET expires_at = clock_timestamp() - $2::interval WHERE user_id = $1',
        [ann.id, age],
      );
    const left = () => app.database.query('SELECT FROM single_use_tokens WHERE user_id = $1', [ann.id]);
    await issue(ann);
    await expired('23 hours');
    await app.nest.get(ExpiredRows).sweep('single_use_tokens');
    expect(await left()).toHaveLength(1);
    await expired('25 hours');
    await app.nest.get(ExpiredRows).sweep('single_use_tokens');
    expect(await left()).toHaveLength(0);
  });
});
