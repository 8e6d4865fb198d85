import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { PasswordDue1764000000030 } from '../migrations/1764000000030-password-due.js';
import { ServerSecrets, type ServerSecretPurpose } from '../src/common/server-secrets.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict, type Person } from './support/people.js';
import { claimsOf } from './support/tokens.js';

const NEW_PASSWORD = 'violet otters juggle lanterns';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await createPerson(admin);
});

const login = (password: string) => app.http.post('/v1/auth/login', { username: ann.username, password });
const change = (http: HttpClient, body: object) => http.post('/v1/auth/password/change', body);

describe('a change by someone who is logged in', () => {
  it('ends every session and token, gives a new pair, and the old password is gone', async () => {
    const [here, there] = [await signIn(app.http, ann), await signIn(app.http, ann)];
    const answer = await change(here.http, { currentPassword: ann.password, newPassword: NEW_PASSWORD });
    expect(answer.status).toBe(200);
    const next = signedIn(app.http, answer.body);
    expect(claimsOf(next.accessToken)['sid']).not.toBe(claimsOf(here.accessToken)['sid']);
    expect(await verdict(next.http)).toBe('accepted');
    expect(await refreshVerdict(app.http, next.refreshToken)).toBe('refreshed');
    for (const session of [here, there]) {
      expect(await verdict(session.http)).toBe('401 credentials_changed');
      expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    }
    expect((await login(ann.password)).status).toBe(401);
    expect((await login(NEW_PASSWORD)).status).toBe(200);
  });

  it.each([
    ['a wrong current password', { currentPassword: 'not it', newPassword: NEW_PASSWORD }, 401, 'invalid_credentials'],
    ['no current password', { newPassword: NEW_PASSWORD }, 400, 'validation_failed'],
    ['no new password', { currentPassword: 'not it' }, 400, 'validation_failed'],
    ['a change token that is none', { changeToken: 'x', newPassword: NEW_PASSWORD }, 401, 'invalid_token'],
  ])('needs better than %s', async (_, body, status, code) => {
    const session = await signIn(app.http, ann);
    const answer = await change(session.http, body);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(await verdict(session.http)).toBe('accepted');
    expect((await login(ann.password)).status).toBe(200);
  });

  it.each([
    ['too short', () => 'short'],
    ['too long', () => 'x'.repeat(257)],
    ['the name', () => ann.username.toUpperCase()],
    ['the same as before', () => ann.password],
  ])('takes no new password that is %s', async (_, newPassword) => {
    const session = await signIn(app.http, ann);
    const answer = await change(session.http, { currentPassword: ann.password, newPassword: newPassword() });
    expect(answer.status).toBe(400);
    expect(answer.body['errors']).toContainEqual({ field: 'newPassword', message: expect.any(String) });
    expect(await verdict(session.http)).toBe('accepted');
  });

  it('needs a token', async () => {
    const { status, headers, body } = await change(app.http, {
      currentPassword: ann.password,
      newPassword: NEW_PASSWORD,
    });
    expect([status, body['code'], headers.get('www-authenticate')]).toEqual([401, 'token_required', 'Bearer']);
  });

  it('happens once, when it is tried ten times at once', async () => {
    const session = await signIn(app.http, ann);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        change(session.http, { currentPassword: ann.password, newPassword: `${NEW_PASSWORD} ${n.toString()}` }),
      ),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    for (const { status } of answers) expect([200, 401, 409]).toContain(status);
    const live = await app.database.query('SELECT id FROM live_sessions WHERE user_id = $1', [ann.id]);
    expect(live).toEqual([{ id: claimsOf(String(winners[0]?.body['access_token']))['sid'] }]);
  });
});

describe('a password that must be changed', () => {
  /** Logs in with the password that must be changed, and returns the token to change it with. */
  async function changeToken(): Promise<string> {
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [ann.id]);
    const { status, body } = await login(ann.password);
    expect([status, body['code']]).toEqual([403, 'password_change_required']);
    expect(Object.keys(body)).not.toContain('access_token');
    return String(body['changeToken']);
  }

  it('ends what it began when that was asked for before the upgrade to a version that sees to it', async () => {
    const bob = await createPerson(admin);
    const [due, other] = [await signIn(app.http, ann), await signIn(app.http, bob)];
    const runner = app.nest.get(DataSource).createQueryRunner();
    const upgrade = new PasswordDue1764000000030();
    try {
      await upgrade.down(runner);
      await runner.query('UPDATE users SET must_change_password = true WHERE id = $1', [ann.id]);
      expect(await verdict(due.http)).toBe('accepted');
      await upgrade.up(runner);
    } finally {
      await runner.release();
    }
    expect(await verdict(due.http)).toBe('401 credentials_changed');
    expect(await refreshVerdict(app.http, due.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict(other.http)).toBe('accepted');
  });

  it('gives no session, only leave to change it', async () => {
    const token = await changeToken();
    expect(await app.database.query('SELECT FROM sessions WHERE user_id = $1', [ann.id])).toEqual([]);
    expect(await verdict(app.http.as(token))).toMatch(/^401 invalid_token$/);
    expect((await app.http.as(token).get('/v1/users')).status).toBe(401);
  });

  it('tells nothing to someone who does not know it', async () => {
    await changeToken();
    const { status, body } = await login('not the password');
    expect([status, body['code'], body['changeToken']]).toEqual([401, 'invalid_credentials', undefined]);
  });

  it.each([
    ['as the Bearer token', (token: string) => change(app.http.as(token), { newPassword: NEW_PASSWORD })],
    ['in the body', (token: string) => change(app.http, { changeToken: token, newPassword: NEW_PASSWORD })],
  ])('is changed with that token %s, once', async (_, use) => {
    const [token, another] = [await changeToken(), await changeToken()];
    const { status, body } = await use(token);
    expect(status).toBe(200);
    expect(await verdict(signedIn(app.http, body).http)).toBe('accepted');
    expect((await login(NEW_PASSWORD)).status).toBe(200);
    for (const spent of [token, another]) expect((await use(spent)).status).toBe(401);
  });

  it('is not changed to itself', async () => {
    const { status } = await change(app.http, { changeToken: await changeToken(), newPassword: ann.password });
    expect(status).toBe(400);
  });

  it.each([
    ['disabled', (id: string) => admin.post(`/v1/users/${id}/disable`)],
    [
      'disabled and enabled',
      (id: string) => admin.post(`/v1/users/${id}/disable`).then(() => admin.post(`/v1/users/${id}/enable`)),
    ],
    ['deleted', (id: string) => admin.delete(`/v1/users/${id}`)],
    ['given another password', (id: string) => admin.patch(`/v1/users/${id}`, { password: 'set by the admin' })],
  ])('is not changed when the user was %s since', async (_, meanwhile) => {
    const token = await changeToken();
    await meanwhile(ann.id);
    expect((await change(app.http, { changeToken: token, newPassword: NEW_PASSWORD })).status).toBe(401);
    expect((await login(NEW_PASSWORD)).status).toBe(401);
  });

  describe('with a token that', () => {
    const key = (purpose: ServerSecretPurpose) => createSecretKey(app.nest.get(ServerSecrets).get(purpose));
    const forge = async (how: { purpose?: ServerSecretPurpose; typ?: string; expires?: string; sub?: string }) => {
      const { purpose = 'password-change-token', typ = 'password-change+jwt', expires = '10m', sub = ann.id } = how;
      const [present] = await app.database.query<{ epoch: string }>(
        'UPDATE users SET must_change_password = true WHERE id = $1 RETURNING session_epoch AS epoch',
        [ann.id],
      );
      return new SignJWT({ ...present })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setSubject(sub)
        .setExpirationTime(expires)
        .sign(key(purpose));
    };
    const changeWith = (changeToken: string) => change(app.http, { changeToken, newPassword: NEW_PASSWORD });

    it('is right is changed: the tokens below are wrong in one thing only', async () => {
      expect((await changeWith(await forge({}))).status).toBe(200);
    });

    it.each([
      ['has expired', { expires: '-1s' }],
      ['was signed with another key', { purpose: 'refresh-token-mac' as const }],
      ['is of another type', { typ: 'at+jwt' }],
      ['is about nobody', { sub: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' }],
    ])('%s is not changed', async (_, how) => {
      expect((await changeWith(await forge(how))).status).toBe(401);
    });

    it('is an access token of the same user is not changed', async () => {
      const { accessToken } = await signIn(app.http, ann);
      expect((await changeWith(accessToken)).status).toBe(401);
    });

    it('has no signature is not changed', async () => {
      const [, payload] = (await forge({})).split('.');
      const header = Buffer.from('{"alg":"none","typ":"password-change+jwt"}').toString('base64url');
      expect((await changeWith(`${header}.${String(payload)}.`)).status).toBe(401);
    });
  });
});
