import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import { BUILT_IN_PERMISSIONS } from '../src/permissions/built-in.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { holderOf } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, type Person } from './support/people.js';

let database: TestDatabase;
let app: TestApp;
let admin: HttpClient;
let adminId: string;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp({ database });
});

beforeEach(async () => {
  // Some of what happens below ends the tokens of the admin.
  admin = await app.admin();
  adminId = (await admin.get('/v1/auth/me')).body.id as string;
});

afterAll(async () => {
  await app.close();
  const [statistics] = await database.query(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  );
  await database.drop();
  expect(statistics).toEqual({ deadlocks: '0' });
});

const problem = ({ status, body }: Answer) => ({ status, code: (body as { code?: string }).code });
const repeat = (status: number, times: number): number[] => Array<number>(times).fill(status);
const outcomes = (answers: Answer[]): number[] => answers.map(({ status }) => status).sort();
const lastAdmin = { status: 409, code: 'last_admin' };

async function activeAdmins(): Promise<string[]> {
  const rows = await app.database.query<{ id: string }>(
    `SELECT u.id FROM users u JOIN user_roles r ON r.user_id = u.id WHERE r.role_name = 'admin' AND u.status = 'active'`,
  );
  return rows.map(({ id }) => id);
}

describe('the last admin', () => {
  it('is neither disabled, deleted nor demoted, by whomever', async () => {
    const path = `/v1/users/${adminId}`;
    expect(problem(await admin.post(`${path}/disable`))).toEqual(lastAdmin);
    expect(problem(await admin.delete(path))).toEqual(lastAdmin);
    expect(problem(await admin.put(`${path}/roles`, { roles: [] }))).toEqual(lastAdmin);
    expect(problem(await admin.put(`${path}/roles`, { roles: ['auditor'] }))).toEqual(lastAdmin);
    expect(await admin.put(`${path}/roles`, { roles: ['admin', 'auditor'] })).toMatchObject({ status: 200 });
    expect(await admin.put(`${path}/roles`, { roles: ['admin'] })).toMatchObject({ status: 200 });
    expect(await activeAdmins()).toEqual([adminId]);
  });

  it('is still the last one when the others are disabled', async () => {
    const other = await createPerson(admin, ['admin']);
    await admin.post(`/v1/users/${other.id}/disable`);
    expect(problem(await admin.post(`/v1/users/${adminId}/disable`))).toEqual(lastAdmin);
    // A disabled one may go all the same.
    expect(await admin.put(`/v1/users/${other.id}/roles`, { roles: [] })).toMatchObject({ status: 200 });
    expect(await admin.delete(`/v1/users/${other.id}`)).toMatchObject({ status: 204 });
  });

  it('may go once there is another', async () => {
    const other = await createPerson(admin, ['admin']);
    expect(await admin.post(`/v1/users/${other.id}/disable`)).toMatchObject({ status: 200 });
    expect(await admin.post(`/v1/users/${other.id}/enable`)).toMatchObject({ status: 200 });
    expect(await admin.put(`/v1/users/${other.id}/roles`, { roles: [] })).toMatchObject({ status: 200 });
  });
});

describe('fifty at once who want the last two admins gone', () => {
  let others: [Person, Person];
  /** Holds what admins hold, but is none: what this one does to them does not end its own token. */
  let attacker: HttpClient;

  beforeEach(async () => {
    others = [await createPerson(admin, ['admin']), await createPerson(admin, ['admin'])];
    attacker = (await holderOf(admin, [...BUILT_IN_PERMISSIONS])).client;
    // The first admin steps back for the duration of the test, past the rules.
    await app.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [adminId]);
  });

  afterEach(async () => {
    await app.database.query(`UPDATE users SET status = 'active' WHERE id = $1`, [adminId]);
    await app.database.query('DELETE FROM users WHERE id = ANY ($1)', [others.map(({ id }) => id)]);
  });

  /** A client that is told to come back does so. */
  async function insist(action: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const answer = await action();
      if (answer.status !== 503) return answer;
    }
  }

  function rush(action: (id: string, n: number) => Promise<Answer>): Promise<Answer[]> {
    const one = (n: number) => insist(() => action(others[n % 2 === 0 ? 0 : 1].id, n));
    return Promise.all(Array.from({ length: 50 }, (_, n) => one(n)));
  }

  it('leave one when they demote', async () => {
    const answers = await rush((id) => attacker.put(`/v1/users/${id}/roles`, { roles: ['auditor'] }));
    expect(await activeAdmins()).toHaveLength(1);
    expect(outcomes(answers)).toEqual([...repeat(200, 25), ...repeat(409, 25)]);
  });

  it('leave one when they disable', async () => {
    const answers = await rush((id) => attacker.post(`/v1/users/${id}/disable`));
    expect(await activeAdmins()).toHaveLength(1);
    expect(outcomes(answers)).toEqual([...repeat(200, 25), ...repeat(409, 25)]);
  });

  it('leave one when they delete', async () => {
    const answers = await rush((id) => attacker.delete(`/v1/users/${id}`));
    expect(await activeAdmins()).toHaveLength(1);
    expect(outcomes(answers)).toEqual([204, ...repeat(404, 24), ...repeat(409, 25)]);
  });

  it('leave one when they do all of that at once', async () => {
    const answers = await rush((id, n) => {
      switch (n % 3) {
        case 0:
          return attacker.put(`/v1/users/${id}/roles`, { roles: [] });
        case 1:
          return attacker.post(`/v1/users/${id}/disable`);
        default:
          return attacker.delete(`/v1/users/${id}`);
      }
    });
    expect(await activeAdmins()).toHaveLength(1);
    expect(outcomes(answers).filter((status) => ![200, 204, 404, 409].includes(status))).toEqual([]);
  });
});
