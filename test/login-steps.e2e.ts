import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ChangeTokens } from '../src/auth/change-token.js';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, mfaToken, proveTotp } from './support/factors.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, type Person } from './support/people.js';
import { SoftwarePasskey } from './support/software-passkey.js';
import { claimsOf } from './support/tokens.js';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' } });
  admin = await app.admin();
  await admin.post('/v1/roles', { name: 'operator', permissions: [] });
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await createPerson(admin);
});

const outcome = ({ status, body }: Answer<Record<string, unknown>>): string =>
  status === 200 ? 'tokens' : `${status} ${String(body['code'])}`;

describe('a password that must be changed', () => {
  /** Makes a token of a flow good again that the change of the flag has ended, as though that had come before it. */
  const asThoughBefore = async (id: string): Promise<void> => {
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [id]);
    await app.database.query(
      'UPDATE single_use_tokens t SET session_epoch = u.session_epoch FROM users u WHERE u.id = t.user_id AND u.id = $1',
      [id],
    );
  };
  const sessionsOf = (id: string) => app.database.query('SELECT FROM sessions WHERE user_id = $1', [id]);

  it('keeps the setup of a factor, the last step of some logins, from giving tokens', async () => {
    const olga = await createPerson(admin, ['operator']);
    const { body } = await app.http.post('/v1/auth/login', { username: olga.username, password: olga.password });
    const { body: setup } = await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken: body['enrolmentToken'] });
    await asThoughBefore(olga.id);
    const confirm = { setupToken: setup['setupToken'], code: codeOf(String(setup['secret'])) };
    expect(outcome(await app.http.post('/v1/auth/mfa/totp/confirm', confirm))).toBe('401 invalid_credentials');
    expect(await app.database.query('SELECT FROM totp_factors WHERE user_id = $1', [olga.id])).toEqual([]);
    expect(await sessionsOf(olga.id)).toEqual([]);
  });

  it.each(['code', 'recovery code', 'passkey beside the password', 'passkey alone'])(
    'gets leave to change it, and no tokens, from a %s',
    async (kind) => {
      const passkey = new SoftwarePasskey('http://localhost:3000');
      const bob = await enrol(app, ann);
      const start = await bob.session.http.post('/v1/auth/mfa/passkey/start', {});
      const credential = passkey.create(start.body['options'] as Record<string, unknown>);
      expect(outcome(await bob.session.http.post('/v1/auth/mfa/passkey/confirm', { credential }))).toBe('tokens');
      const [{ count } = {}] = await app.database.query<{ count: string }>('SELECT count(*) FROM sessions');
      await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [bob.id]);
      const token = await mfaToken(app, bob);
      const asked = async (path: string, body: object) =>
        passkey.get((await app.http.post(path, body)).body['options'] as Record<string, unknown>);
      const finish = async (): Promise<Answer<Record<string, unknown>>> => {
        if (kind === 'code') return proveTotp(app, token, codeOf(bob.secret));
        if (kind === 'recovery code')
          return app.http.post('/v1/auth/mfa/recovery', { mfa_token: token, code: bob.recoveryCodes[0] });
        if (kind === 'passkey alone')
          return app.http.post('/v1/auth/passkey/login', {
            credential: await asked('/v1/auth/passkey/options', {}),
          });
        const answer = await asked('/v1/auth/mfa/passkey/options', { mfa_token: token });
        return app.http.post('/v1/auth/mfa/passkey', { mfa_token: token, credential: answer });
      };
      const { status, body } = await finish();
      expect([status, body['code'], typeof body['changeToken'], body['access_token']]).toEqual([
        ...[403, 'password_change_required', 'string', undefined],
      ]);
      const [after] = await app.database.query('SELECT count(*) FROM sessions');
      expect(after).toEqual({ count });
    },
  );
});

describe('the time of a login', () => {
  const LONG_AGO = 500;
  const near = (seconds: number): boolean => Math.abs(Date.now() / 1000 - seconds) < 60;
  const authTimeOf = ({ body }: Answer<Record<string, unknown>>): unknown =>
    claimsOf(String(body['access_token']))['auth_time'];

  it('is that of the proof, however long the setup of a factor that follows takes', async () => {
    const olga = await createPerson(admin, ['operator']);
    const { body } = await app.http.post('/v1/auth/login', { username: olga.username, password: olga.password });
    const [remembered] = await app.database.query<{ at: number }>(
      `UPDATE single_use_tokens SET details = details || jsonb_build_object('authTime', (details->>'authTime')::float8 - $2)
       WHERE user_id = $1 RETURNING (details->>'authTime')::float8 AS at`,
      [olga.id, LONG_AGO],
    );
    const at = remembered?.at ?? 0;
    expect(near(at + LONG_AGO)).toBe(true);
    const { body: setup } = await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken: body['enrolmentToken'] });
    const confirm = { setupToken: setup['setupToken'], code: codeOf(String(setup['secret'])) };
    const done = await app.http.post('/v1/auth/mfa/totp/confirm', confirm);
    expect(authTimeOf(done)).toBe(Math.floor(at));
    // So it is too long ago for what needs a fresh login.
    const again = await app.http.as(String(done.body['access_token'])).post('/v1/auth/mfa/totp/start', {});
    expect(outcome(again)).toBe('401 insufficient_user_authentication');
  });

  it('is that of the proof, however long the choice of a new password takes', async () => {
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [ann.id]);
    const { body } = await app.http.post('/v1/auth/login', { username: ann.username, password: ann.password });
    const tokens = app.nest.get(ChangeTokens);
    const grant = tokens.read(String(body['changeToken']));
    if (!grant?.authTime) throw new Error('the change token does not say when its holder logged in');
    expect(near(grant.authTime)).toBe(true);
    const changeToken = tokens.issue({ ...grant, authTime: grant.authTime - LONG_AGO });
    const change = { changeToken, newPassword: 'violet otters juggle lanterns' };
    const changed = await app.http.post('/v1/auth/password/change', change);
    expect(authTimeOf(changed)).toBe(Math.floor(grant.authTime - LONG_AGO));
  });
});

describe('a login that began for the cookie', () => {
  const OWN_PAGE = { headers: { origin: 'http://localhost:3000' } };
  const begin = ({ username, password }: Person) =>
    app.http.post('/v1/auth/login', { username, password, mode: 'cookie' }, OWN_PAGE);
  /** Without a word about the mode it ends as it began; on another page, or with another mode, it does not. */
  async function endsInCookie(path: string, body: object): Promise<void> {
    expect(outcome(await app.http.post(path, body))).toBe('403 foreign_page');
    const otherwise = await app.http.post(path, { ...body, mode: 'body' }, OWN_PAGE);
    expect([outcome(otherwise), otherwise.body['errors']]).toEqual([
      '400 validation_failed',
      [{ field: 'mode', message: 'must be cookie, as in the step before, or absent' }],
    ]);
    const { status, headers, body: answer } = await app.http.post(path, body, OWN_PAGE);
    expect([status, answer['refresh_token'], typeof answer['access_token']]).toEqual([200, undefined, 'string']);
    expect(headers.get('set-cookie')).toMatch(/^__Host-portcullis_refresh=prt_/);
  }

  it.each(['totp', 'recovery'])('ends so with a second factor (%s)', async (kind) => {
    const bob = await enrol(app, ann);
    const { body } = await begin(bob);
    const code = kind === 'totp' ? codeOf(bob.secret) : bob.recoveryCodes[0];
    await endsInCookie(`/v1/auth/mfa/${kind}`, { mfa_token: body['mfa_token'], code });
  });

  it('ends so with a passkey', async () => {
    const passkey = new SoftwarePasskey('http://localhost:3000');
    const { http } = await signIn(app.http, ann);
    const start = await http.post('/v1/auth/mfa/passkey/start', {});
    const credential = passkey.create(start.body['options'] as Record<string, unknown>);
    await http.post('/v1/auth/mfa/passkey/confirm', { credential });
    const { mfa_token } = (await begin(ann)).body;
    const question = await app.http.post('/v1/auth/mfa/passkey/options', { mfa_token });
    const answer = passkey.get(question.body['options'] as Record<string, unknown>);
    await endsInCookie('/v1/auth/mfa/passkey', { mfa_token, credential: answer });
  });

  it('ends so with the setup of a factor', async () => {
    const { enrolmentToken } = (await begin(await createPerson(admin, ['operator']))).body;
    const { body: setup } = await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken });
    const code = codeOf(String(setup['secret']));
    await endsInCookie('/v1/auth/mfa/totp/confirm', { setupToken: setup['setupToken'], code });
  });

  it('ends so with another password, after a second factor too', async () => {
    const bob = await enrol(app, ann);
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [bob.id]);
    const { mfa_token } = (await begin(bob)).body;
    const proven = await app.http.post('/v1/auth/mfa/totp', { mfa_token, code: codeOf(bob.secret) }, OWN_PAGE);
    const { changeToken } = proven.body;
    await endsInCookie('/v1/auth/password/change', { changeToken, newPassword: 'violet otters juggle lanterns' });
  });

  it('may say so in its last step, if the first says nothing', async () => {
    const bob = await enrol(app, ann);
    const body = { mfa_token: await mfaToken(app, bob), code: codeOf(bob.secret), mode: 'cookie' };
    const answer = await app.http.post('/v1/auth/mfa/totp', body, OWN_PAGE);
    expect([answer.status, answer.body['refresh_token']]).toEqual([200, undefined]);
  });
});

describe('a second factor that is missing', () => {
  it('costs nobody the refresh token that is refused for it: once the role is taken back, it is good', async () => {
    const { refreshToken } = await signIn(app.http, ann);
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['operator'] });
    const byOAuth = () =>
      fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: 'portcullis',
        }),
      });
    for (let time = 0; time < 2; time++) {
      expect(await refreshVerdict(app.http, refreshToken)).toBe('401 invalid_grant');
      const audience = { refresh_token: refreshToken, audience: ['http://localhost:3000'] };
      expect(outcome(await app.http.post('/v1/auth/refresh', audience))).toBe('401 invalid_grant');
      expect((await byOAuth()).status).toBe(400);
    }
    const [session] = await app.database.query(
      'SELECT refresh_generation, revoked_at FROM sessions WHERE user_id = $1',
      [ann.id],
    );
    expect(session).toEqual({ refresh_generation: 0, revoked_at: null });
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: [] });
    expect(await refreshVerdict(app.http, refreshToken)).toBe('refreshed');
  });

  it('takes the cookie from no browser, whose session goes on', async () => {
    const origin = 'http://localhost:3000';
    const { username, password } = ann;
    const begun = await app.http.post(
      '/v1/auth/login',
      { username, password, mode: 'cookie' },
      { headers: { origin } },
    );
    const cookie = String(begun.headers.get('set-cookie')).split(';')[0] ?? '';
    const refresh = () => app.http.post('/v1/auth/refresh', {}, { headers: { origin, cookie } });
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['operator'] });
    const refused = await refresh();
    expect([outcome(refused), refused.headers.get('set-cookie')]).toEqual(['401 invalid_grant', null]);
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: [] });
    expect(outcome(await refresh())).toBe('tokens');
  });
});
