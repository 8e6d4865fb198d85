import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FirstAdmin, type FirstAdminCredentials } from '../src/users/first-admin.js';
import { ADMIN, logIn, startApp, type TestApp } from './support/app.js';

let app: TestApp;
let announced: FirstAdminCredentials[];

const announce = (credentials: FirstAdminCredentials): void => {
  announced.push(credentials);
};

/** An instance on an empty database. */
async function begin(env: Record<string, string> = {}): Promise<TestApp> {
  const started = await startApp({ env });
  for (const table of ['users', 'audit_events']) await started.database.query(`DELETE FROM ${table}`);
  return started;
}

beforeEach(() => {
  announced = [];
});

afterEach(() => app.close());

describe('the first admin', () => {
  it('has the configured password, which need not be changed', async () => {
    app = await begin();
    await app.nest.get(FirstAdmin).ensure(announce);
    expect(announced).toEqual([{ username: ADMIN.username, password: null }]);
    const admin = await logIn(app.http, ADMIN);
    const { body } = await admin.get('/v1/auth/me');
    expect(body).toMatchObject({ username: ADMIN.username, roles: ['admin'], email: null });
    const trail = await app.database.query('SELECT actor_type, target_id FROM audit_events WHERE action = $1', [
      'user.created',
    ]);
    expect(trail).toEqual([{ actor_type: 'system', target_id: body.id }]);
  });

  it('has a generated password otherwise, which must be changed', async () => {
    app = await begin({ PORTCULLIS_ADMIN_PASSWORD: '' });
    await app.nest.get(FirstAdmin).ensure(announce);
    const [{ username, password } = { username: '', password: '' }] = announced;
    expect(password).toMatch(/^[a-zA-Z2-9]{20,}$/);
    const login = await app.http.post('/v1/auth/login', { username, password });
    expect(login).toMatchObject({ status: 403, body: { code: 'password_change_required' } });
  });

  it('is made anew when the announcement was cut off', async () => {
    app = await begin({ PORTCULLIS_ADMIN_PASSWORD: '' });
    const first = app.nest.get(FirstAdmin);
    const cutOff = first.ensure((credentials) => {
      announce(credentials);
      throw new Error('the terminal went away');
    });
    await expect(cutOff).rejects.toThrow('the terminal went away');
    expect(await app.database.query('SELECT FROM users')).toEqual([]);
    await first.ensure(announce);
    expect(announced).toHaveLength(2);
    expect(announced[0]?.password).not.toBe(announced[1]?.password);
  });

  it('is made once, however many instances start at the same time', async () => {
    app = await begin();
    const second = await startApp({ database: app.database });
    try {
      await app.database.query('DELETE FROM users');
      await Promise.all([app, second, app, second].map(({ nest }) => nest.get(FirstAdmin).ensure(announce)));
      expect(announced).toHaveLength(1);
      expect(await app.database.query('SELECT username FROM users')).toEqual([{ username: ADMIN.username }]);
    } finally {
      await second.close();
    }
  });

  it('is not made where there is a user, even one without roles', async () => {
    app = await begin();
    await app.database.query(`INSERT INTO users (id, username) VALUES (gen_random_uuid(), 'somebody')`);
    await app.nest.get(FirstAdmin).ensure(announce);
    expect(announced).toEqual([]);
  });
});
