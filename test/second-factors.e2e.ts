import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, forgetSteps, mfaToken, proveTotp, signInWithTotp, type Enrolled } from './support/factors.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict, type Person } from './support/people.js';
import { claimsOf, reissued } from './support/tokens.js';
import { until } from './support/until.js';

const NEW_PASSWORD = 'violet otters juggle lanterns';

let app: TestApp;
let other: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp({ env: { PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' } });
  other = await startApp({ database: app.database, env: { PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' } });
  admin = await app.admin();
  await admin.post('/v1/roles', { name: 'operator', permissions: ['tokens:generate'] });
});
afterAll(async () => {
  await other.close();
  await app.close();
});
beforeEach(async () => {
  ann = await createPerson(admin);
});

const login = ({ username, password }: Person, more: object = {}) =>
  app.http.post('/v1/auth/login', { username, password, ...more });
const recover = (token: string, code: string) => app.http.post('/v1/auth/mfa/recovery', { mfa_token: token, code });
const outcome = ({ status, body }: Answer<Record<string, unknown>>): string =>
  status === 200 ? 'tokens' : `${status} ${String(body['code'])}`;
const amrOf = (accessToken: unknown) => claimsOf(String(accessToken))['amr'];
const actions = async (id: string): Promise<string[]> => {
  const rows = await app.database.query<{ action: string }>(
    'SELECT action FROM audit_events WHERE target_id = $1 ORDER BY id',
    [id],
  );
  return rows.map(({ action }) => action);
};

describe('setting up an authenticator app', () => {
  it('ends all sessions, begins one, and shows ten recovery codes once', async () => {
    const before = await signIn(app.http, ann);
    const enrolled = await enrol(app, ann);
    expect(enrolled.recoveryCodes).toHaveLength(10);
    expect(await verdict(before.http)).toBe('401 credentials_changed');
    expect(await refreshVerdict(app.http, before.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict(enrolled.session.http)).toBe('accepted');
    expect(amrOf(enrolled.session.accessToken)).toEqual(['pwd', 'otp', 'mfa']);
    const { body } = await enrolled.session.http.get('/v1/auth/mfa/factors');
    expect(body).toEqual({
      items: [expect.objectContaining({ id: enrolled.factorId, kind: 'totp', name: 'authenticator app' })],
      recoveryCodesLeft: 10,
    });
    expect(JSON.stringify(body)).not.toContain(enrolled.secret);
    expect(await actions(ann.id)).toContain('factor.added');
  });

  it('stores neither the secret nor the codes readably, and wraps the secret for its own row', async () => {
    const { secret, recoveryCodes, factorId } = await enrol(app, ann);
    const [row] = await app.database.query<{ all: string; raw: Buffer }>(
      `SELECT concat((SELECT string_agg(f::text, ' ') FROM totp_factors f), (SELECT string_agg(c::text, ' ') FROM recovery_codes c),
         (SELECT string_agg(t::text, ' ') FROM single_use_tokens t), (SELECT string_agg(a::text, ' ') FROM audit_events a)) AS all,
         (SELECT secret FROM totp_factors WHERE id = $1) AS raw`,
      [factorId],
    );
    for (const readable of [secret, Buffer.from(secret).toString('hex'), ...recoveryCodes])
      expect(row?.all).not.toContain(readable);
    expect(row?.raw.toString('latin1')).not.toContain(secret);
    const eve = await enrol(app, await createPerson(admin));
    await app.database.query('UPDATE totp_factors SET secret = $2 WHERE id = $1', [
      factorId,
      await rawOf(eve.factorId),
    ]);
    const { status } = await proveTotp(app, await mfaToken(app, ann), codeOf(eve.secret));
    expect(status).toBe(500);
  });
  const rawOf = async (id: string): Promise<Buffer | undefined> =>
    (await app.database.query<{ secret: Buffer }>('SELECT secret FROM totp_factors WHERE id = $1', [id]))[0]?.secret;

  it('takes a wrong code for nothing, and the right one after it once', async () => {
    const { http } = await signIn(app.http, ann);
    const { body: setup } = await http.post('/v1/auth/mfa/totp/start', {});
    const confirm = (code: string) =>
      http.post('/v1/auth/mfa/totp/confirm', { setupToken: setup['setupToken'], code, name: 'my phone' });
    const right = codeOf(String(setup['secret']));
    expect(outcome(await confirm(right === '000000' ? '000001' : '000000'))).toBe('400 validation_failed');
    expect(outcome(await confirm(right))).toBe('tokens');
    expect(outcome(await confirm(right))).toBe('401 invalid_token');
    // The code that confirmed it is used up too.
    expect(outcome(await proveTotp(app, await mfaToken(app, ann), right))).toBe('401 invalid_code');
  });

  it('needs the session in which it was begun', async () => {
    const { http } = await signIn(app.http, ann);
    const elsewhere = await signIn(app.http, ann);
    const { body: setup } = await http.post('/v1/auth/mfa/totp/start', {});
    const body = { setupToken: setup['setupToken'], code: codeOf(String(setup['secret'])) };
    for (const client of [app.http, elsewhere.http, admin])
      expect(outcome(await client.post('/v1/auth/mfa/totp/confirm', body))).toBe('401 invalid_token');
    await http.post('/v1/auth/logout');
    expect(outcome(await http.post('/v1/auth/mfa/totp/confirm', body))).toBe('401 invalid_token');
  });

  it.each([
    ['start', (http: HttpClient) => http.post('/v1/auth/mfa/totp/start', {})],
    ['new recovery codes', (http: HttpClient) => http.post('/v1/auth/mfa/recovery-codes')],
    ['removal', (http: HttpClient) => http.delete('/v1/auth/mfa/factors/0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11')],
  ])('(%s) needs a login of the last five minutes', async (_, ask) => {
    const { accessToken } = await signIn(app.http, ann);
    const authTime = Number(claimsOf(accessToken)['auth_time']) - 301;
    const { status, headers, body } = await ask(app.http.as(await reissued(app, accessToken, { auth_time: authTime })));
    expect([status, body['code']]).toEqual([401, 'insufficient_user_authentication']);
    expect(headers.get('www-authenticate')).toBe('Bearer error="insufficient_user_authentication", max_age=300');
    expect((await ask(app.http)).status).toBe(401);
  });
});

describe('a login with an authenticator app', () => {
  let bob: Enrolled;
  beforeEach(async () => {
    bob = await enrol(app, ann);
  });

  it('asks for the code, and then gives tokens for the audience that was asked for', async () => {
    await admin.post('/v1/audiences', { identifier: 'urn:orders', algorithm: 'RS256' });
    const { status, body } = await login(bob, { audience: ['urn:orders'] });
    expect([status, body]).toEqual([
      200,
      { mfa_required: true, mfa_token: expect.any(String), expires_in: 300, methods: ['totp', 'recovery'] },
    ]);
    const answer = await proveTotp(other, String(body['mfa_token']), codeOf(bob.secret));
    expect(outcome(answer)).toBe('tokens');
    const claims = claimsOf(String(answer.body['access_token']));
    expect(claims).toMatchObject({ aud: 'urn:orders', amr: ['pwd', 'otp', 'mfa'] });
    const refreshed = await app.http.post('/v1/auth/refresh', { refresh_token: answer.body['refresh_token'] });
    expect(claimsOf(String(refreshed.body['access_token']))).toMatchObject({
      amr: claims['amr'],
      auth_time: claims['auth_time'],
    });
    const acts = (await actions(bob.id)).filter((action) => !action.startsWith('mail.'));
    expect(acts.slice(-1)).toEqual(['login.succeeded']);
  });

  it('takes each code once, also from a login made later', async () => {
    const code = codeOf(bob.secret);
    expect(outcome(await proveTotp(app, await mfaToken(app, bob), code))).toBe('tokens');
    expect(outcome(await proveTotp(app, await mfaToken(app, bob), code))).toBe('401 invalid_code');
  });

  it('takes a wrong code for nothing but a failure', async () => {
    const token = await mfaToken(app, bob);
    expect(outcome(await proveTotp(app, token, 'not it'))).toBe('401 invalid_code');
    expect(outcome(await proveTotp(app, token, codeOf(bob.secret)))).toBe('tokens');
    expect(outcome(await proveTotp(app, token, codeOf(bob.secret)))).toBe('401 invalid_token');
    expect(await actions(bob.id)).toContain('login.factor_failed');
  });

  it('takes a recovery code in its place, each once, however spelt', async () => {
    const [first = '', second = ''] = bob.recoveryCodes;
    const answer = await recover(await mfaToken(app, bob), first.toUpperCase().replaceAll('-', ''));
    expect(amrOf(answer.body['access_token'])).toEqual(['pwd', 'otp', 'mfa']);
    expect(outcome(await recover(await mfaToken(app, bob), first))).toBe('401 invalid_code');
    expect(outcome(await recover(await mfaToken(app, bob), second))).toBe('tokens');
    const { body } = await signedIn(app.http, answer.body).http.get('/v1/auth/mfa/factors');
    expect(body['recoveryCodesLeft']).toBe(8);
    expect(await actions(bob.id)).toContain('recovery_code.used');
  });

  it('is locked after ten failures, whatever is tried and wherever; a right password forgets none', async () => {
    for (let n = 0; n < 10; n++) {
      const token = await mfaToken(n % 2 === 0 ? app : other, bob);
      const guess = n % 3 === 0 ? recover(token, 'a guess') : proveTotp(n % 2 === 0 ? app : other, token, '12345');
      expect(outcome(await guess)).toBe('401 invalid_code');
    }
    for (const instance of [app, other]) {
      const answer = await proveTotp(instance, await mfaToken(app, bob), codeOf(bob.secret));
      expect([answer.status, Number(answer.headers.get('retry-after')) > 890]).toEqual([429, true]);
    }
    expect(outcome(await recover(await mfaToken(app, bob), String(bob.recoveryCodes[0])))).toBe(
      '429 too_many_requests',
    );
    const told = await actions(bob.id);
    expect(told.filter((action) => action === 'account.locked')).toHaveLength(1);
    expect(told.filter((action) => action === 'login.factor_failed')).toHaveLength(10);
    expect(told.filter((action) => action === 'factor.guessed')).toHaveLength(1);
  });

  it('is over for the app after a hundred failures in a row, until another factor has shown that it is its user', async () => {
    await app.database.query('UPDATE totp_factors SET failures = 98 WHERE user_id = $1', [bob.id]);
    const token = await mfaToken(app, bob);
    expect(outcome(await proveTotp(app, token, '12345'))).toBe('401 invalid_code');
    expect(await actions(bob.id)).not.toContain('factor.locked');
    expect(outcome(await proveTotp(other, token, '12345'))).toBe('401 invalid_code');
    for (const instance of [app, other])
      expect(outcome(await proveTotp(instance, token, codeOf(bob.secret)))).toBe('401 factor_locked');
    expect((await login(bob)).body['methods']).toEqual(['recovery']);
    await until('the owner was told', async () => (await actions(bob.id)).includes('mail.sent'));
    expect((await actions(bob.id)).filter((action) => action === 'factor.locked')).toHaveLength(1);

    expect(outcome(await recover(await mfaToken(app, bob), String(bob.recoveryCodes[0])))).toBe('tokens');
    expect((await login(bob)).body['methods']).toEqual(['totp', 'recovery']);
    expect(outcome(await proveTotp(app, await mfaToken(app, bob), codeOf(bob.secret)))).toBe('tokens');
    const counted = await app.database.query('SELECT failures, locked_at FROM totp_factors WHERE user_id = $1', [
      bob.id,
    ]);
    expect(counted).toEqual([{ failures: 0, locked_at: null }]);
  });

  it('forgets failures with a success', async () => {
    for (let round = 0; round < 2; round++) {
      const token = await mfaToken(app, bob);
      for (let n = 0; n < 9; n++) await proveTotp(app, token, '12345');
      await forgetSteps(app, bob);
      expect(outcome(await proveTotp(app, token, codeOf(bob.secret)))).toBe('tokens');
    }
  });

  it('is the only way in', async () => {
    const { username, password } = bob;
    const broker = { username, password, ttlSeconds: 60, permissions: { sub: [], pub: [], all: ['/a'] } };
    const refusal = await app.http.post('/token/generate', broker);
    expect([refusal.status, refusal.body]).toEqual([403, { response: expect.stringMatching(/second factor/) }]);
    const token = await mfaToken(app, bob);
    expect(await verdict(app.http.as(token))).toBe('401 invalid_token');
    expect(await refreshVerdict(app.http, token)).toBe('401 invalid_grant');
    expect(outcome(await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken: token }))).toBe(
      '401 invalid_token',
    );
    expect(
      outcome(await app.http.post('/v1/auth/password/change', { changeToken: token, newPassword: NEW_PASSWORD })),
    ).toBe('401 invalid_token');
  });

  it('comes before the change of a password that must be changed, and the new session has it', async () => {
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [bob.id]);
    const answer = await proveTotp(app, await mfaToken(app, bob), codeOf(bob.secret));
    expect(outcome(answer)).toBe('403 password_change_required');
    const changed = await app.http.post('/v1/auth/password/change', {
      changeToken: answer.body['changeToken'],
      newPassword: NEW_PASSWORD,
    });
    expect(amrOf(changed.body['access_token'])).toEqual(['pwd', 'otp', 'mfa']);
  });

  it('is kept by a change of the password in a session; a token about the user that has none changes nothing', async () => {
    const body = { currentPassword: bob.password, newPassword: NEW_PASSWORD };
    const { body: generated } = await admin.post('/v1/tokens', {
      audience: 'http://localhost:3000',
      subject: bob.id,
      ttlSeconds: 60,
    });
    const without = await app.http.as(String(generated['access_token'])).post('/v1/auth/password/change', body);
    expect(outcome(without)).toBe('401 insufficient_user_authentication');
    const changed = await bob.session.http.post('/v1/auth/password/change', body);
    expect(claimsOf(String(changed.body['access_token']))).toMatchObject({
      amr: ['pwd', 'otp', 'mfa'],
      auth_time: claimsOf(bob.session.accessToken)['auth_time'],
    });
  });

  it('is over once the app is removed, which ends all sessions but the one it begins', async () => {
    const { http } = await signInWithTotp(app, bob);
    expect((await admin.delete(`/v1/auth/mfa/factors/${bob.factorId}`)).status).toBe(404);
    const { status, body } = await http.delete(`/v1/auth/mfa/factors/${bob.factorId}`);
    expect(status).toBe(200);
    expect(await verdict(bob.session.http)).toBe('401 credentials_changed');
    expect(await verdict(signedIn(app.http, body).http)).toBe('accepted');
    expect(amrOf((await login(bob)).body['access_token'])).toEqual(['pwd']);
    expect(await app.database.query('SELECT FROM recovery_codes WHERE user_id = $1', [bob.id])).toEqual([]);
    expect(await actions(bob.id)).toContain('factor.removed');
  });

  it('takes new recovery codes for the old ones', async () => {
    const { status, body } = await bob.session.http.post('/v1/auth/mfa/recovery-codes');
    expect([status, (body['recoveryCodes'] as string[]).length]).toEqual([200, 10]);
    expect(outcome(await recover(await mfaToken(app, bob), String(bob.recoveryCodes[0])))).toBe('401 invalid_code');
    const [fresh] = body['recoveryCodes'] as string[];
    expect(outcome(await recover(await mfaToken(app, bob), String(fresh)))).toBe('tokens');
  });
});

describe('a role that needs a second factor', () => {
  let olga: Person;
  beforeEach(async () => {
    olga = await createPerson(admin, ['operator']);
  });

  it('lets its users in only to set one up', async () => {
    const { status, body } = await login(olga);
    expect([status, body['code'], body['access_token']]).toEqual([403, 'factor_enrolment_required', undefined]);
    const enrolmentToken = String(body['enrolmentToken']);
    expect(await verdict(app.http.as(enrolmentToken))).toBe('401 invalid_token');
    const { body: setup } = await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken });
    const code = codeOf(String(setup['secret']));
    const done = await app.http.post('/v1/auth/mfa/totp/confirm', { setupToken: setup['setupToken'], code });
    expect(amrOf(done.body['access_token'])).toEqual(['pwd', 'otp', 'mfa']);
    expect(done.body['recoveryCodes']).toHaveLength(10);
    expect(outcome(await app.http.post('/v1/auth/mfa/totp/start', { enrolmentToken }))).toBe('401 invalid_token');
    const { http } = signedIn(app.http, done.body);
    const factor = `/v1/auth/mfa/factors/${String(done.body['factorId'])}`;
    expect(outcome(await http.delete(factor))).toBe('409 factor_required');
    expect(await verdict(http)).toBe('accepted');
  });

  it('gives nothing to the password alone elsewhere', async () => {
    const { username, password } = olga;
    const broker = { username, password, ttlSeconds: 60, permissions: { sub: [], pub: [], all: ['/a'] } };
    expect((await app.http.post('/token/generate', broker)).status).toBe(403);
  });

  it('ends what a session without one may get, from the moment that somebody is given the role', async () => {
    const session = await signIn(app.http, ann);
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['operator'] });
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    const change = { currentPassword: ann.password, newPassword: NEW_PASSWORD };
    expect(outcome(await session.http.post('/v1/auth/password/change', change))).toBe(
      '401 insufficient_user_authentication',
    );
  });

  it('is asked for after the change of a password that must be changed', async () => {
    await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [olga.id]);
    const { body } = await login(olga);
    expect(body['code']).toBe('password_change_required');
    const changed = await app.http.post('/v1/auth/password/change', {
      changeToken: body['changeToken'],
      newPassword: NEW_PASSWORD,
    });
    expect(outcome(changed)).toBe('403 factor_enrolment_required');
    const start = { enrolmentToken: changed.body['enrolmentToken'] };
    expect((await app.http.post('/v1/auth/mfa/totp/start', start)).status).toBe(200);
    expect(outcome(await login({ ...olga, password: NEW_PASSWORD }))).toBe('403 factor_enrolment_required');
  });
});
