import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { UsersService, type Credentials } from '../src/users/users.service.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, verdict } from './support/people.js';

let app: TestApp;
let admin: HttpClient;
let users: UsersService;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  users = app.nest.get(UsersService);
});

afterAll(() => app.close());

async function credentialsOf(id: string): Promise<Credentials> {
  const found = await users.credentialsFor({ id });
  if (!found) throw new Error('there is no such user');
  return found;
}

async function clock(): Promise<string | undefined> {
  const [row] = await app.database.query<{ seq: string }>('SELECT seq FROM validity_clock');
  return row?.seq;
}

const setPassword = (id: string, epoch: string, mustChange = false): Promise<string | null> =>
  app.nest
    .get(DataSource)
    .transaction((manager) => users.setPassword(manager, id, epoch, 'another hash', { mustChange }));

describe('credentials', () => {
  it('are found by name, address and id, in any case, with and without named statements', async () => {
    const { id, username, email } = await createPerson(admin);
    const unnamed = await startApp({ database: app.database, env: { PORTCULLIS_DATABASE_PREPARED: 'off' } });
    try {
      for (const service of [users, unnamed.nest.get(UsersService)]) {
        const keys = [
          { id },
          { username },
          { username: username.toUpperCase() },
          { username: email.toUpperCase() },
          { email },
        ];
        for (const key of keys) {
          expect(await service.credentialsFor(key)).toEqual({
            asOf: await clock(),
            id,
            username,
            email,
            displayName: null,
            status: 'active',
            passwordHash: expect.stringMatching(/^\$argon2id\$/),
            mustChangePassword: false,
            sessionEpoch: '0',
          });
        }
        expect(await service.credentialsFor({ username: 'nobody' })).toBeNull();
        expect(await service.credentialsFor({ email: username })).toBeNull();
      }
    } finally {
      await unnamed.close();
    }
  });

  it('uses the indexes by which names are unique', async () => {
    const plans = await Promise.all(
      ['username', 'email'].map((column) =>
        app.database.query(`EXPLAIN SELECT FROM users u WHERE lower(u.${column}) = lower('Ann')`),
      ),
    );
    expect(plans.map((plan) => JSON.stringify(plan))).toEqual([
      expect.stringContaining('users_username_key'),
      expect.stringContaining('users_email_key'),
    ]);
  });
});

describe('a stronger hash of the same password', () => {
  it('ends nothing, and leaves no trace but itself', async () => {
    const person = await createPerson(admin);
    const { http } = await signIn(app.http, person);
    const { passwordHash, ...before } = await credentialsOf(person.id);
    const user = await admin.get(`/v1/users/${person.id}`);
    await users.rehash(person.id, passwordHash ?? '', 'a stronger hash');
    expect(await credentialsOf(person.id)).toEqual({ ...before, passwordHash: 'a stronger hash' });
    expect((await admin.get(`/v1/users/${person.id}`)).body).toEqual(user.body);
    expect(await verdict(http)).toBe('accepted');
  });

  it('does not bring back a password that was changed meanwhile', async () => {
    const { id } = await createPerson(admin);
    await users.rehash(id, 'an older hash', 'a stronger hash');
    expect((await credentialsOf(id)).passwordHash).toMatch(/^\$argon2id\$/);
  });
});

describe('a new password', () => {
  it('moves the epoch on and ends what was before', async () => {
    const person = await createPerson(admin);
    const { http } = await signIn(app.http, person);
    const before = await credentialsOf(person.id);
    const epoch = await setPassword(person.id, before.sessionEpoch, true);
    expect(Number(epoch)).toBeGreaterThan(Number(before.sessionEpoch));
    expect(await credentialsOf(person.id)).toMatchObject({
      sessionEpoch: epoch,
      passwordHash: 'another hash',
      mustChangePassword: true,
    });
    expect(await verdict(http)).toBe('401 credentials_changed');
  });

  it('is not set when the epoch has moved on, by whatever change', async () => {
    const { id } = await createPerson(admin);
    const { sessionEpoch } = await credentialsOf(id);
    await admin.patch(`/v1/users/${id}`, { password: 'reset by an admin' });
    expect(await setPassword(id, sessionEpoch)).toBeNull();
    const reset = await credentialsOf(id);
    await admin.post(`/v1/users/${id}/disable`);
    expect(await setPassword(id, reset.sessionEpoch)).toBeNull();
    await admin.delete(`/v1/users/${id}`);
    expect(await setPassword(id, reset.sessionEpoch)).toBeNull();
  });

  it('is set once by two who read the same epoch', async () => {
    const { id } = await createPerson(admin);
    const { sessionEpoch } = await credentialsOf(id);
    const outcomes = await Promise.all([setPassword(id, sessionEpoch), setPassword(id, sessionEpoch)]);
    expect(outcomes.filter((epoch) => epoch === null)).toHaveLength(1);
  });
});
