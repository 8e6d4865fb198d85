import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newLoginChallenge } from '../src/auth/mfa/login-challenge.js';
import { ServerSecrets } from '../src/common/server-secrets.js';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, mfaToken, proveTotp, type Enrolled } from './support/factors.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';
import { SoftwarePasskey } from './support/software-passkey.js';
import { connectTo } from './support/sql-client.js';
import { claimsOf } from './support/tokens.js';
import { until } from './support/until.js';

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

const outcome = ({ status, body }: { status: number; body: Record<string, unknown> }): string =>
  `${status} ${String(body['code'])}`;

describe('an administrator', () => {
  const reset = (http: HttpClient, id: string) => http.delete(`/v1/users/${id}/factors`);
  let bob: Enrolled;
  beforeEach(async () => {
    bob = await enrol(app, ann);
  });

  it('sees what factors there are, of nobody who holds more, and no secret', async () => {
    await app.database.query('UPDATE totp_factors SET failures = 100 WHERE user_id = $1', [bob.id]);
    const { status, body } = await admin.get(`/v1/users/${bob.id}/factors`);
    const item = { id: bob.factorId, kind: 'totp', name: 'authenticator app', createdAt: expect.any(String) };
    expect([status, body]).toEqual([
      200,
      { items: [{ ...item, lastUsedAt: null, locked: true }], recoveryCodesLeft: 10 },
    ]);
    await admin.post('/v1/roles', { name: 'factor-desk', permissions: ['users:write'] });
    const { http } = await signIn(app.http, await createPerson(admin, ['factor-desk']));
    expect((await http.get(`/v1/users/${bob.id}/factors`)).status).toBe(200);
    await admin.put(`/v1/users/${bob.id}/roles`, { roles: ['auditor'] });
    for (const client of [http, bob.session.http])
      expect(outcome(await client.get(`/v1/users/${bob.id}/factors`))).toMatch(/^40[13] /);
    for (const id of ['x', '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11'])
      expect(outcome(await admin.get(`/v1/users/${id}/factors`))).toBe('404 not_found');
  });

  it('takes away factors that were lost, which ends sessions and logins under way', async () => {
    const token = await mfaToken(app, bob);
    for (let time = 0; time < 2; time++) expect((await reset(admin, bob.id)).status).toBe(204);
    expect(await verdict(bob.session.http)).toBe('401 credentials_changed');
    expect(outcome(await proveTotp(app, token, codeOf(bob.secret)))).toBe('401 invalid_token');
    const recovery = { mfa_token: token, code: bob.recoveryCodes[0] };
    expect(outcome(await app.http.post('/v1/auth/mfa/recovery', recovery))).toBe('401 invalid_token');
    expect(claimsOf((await signIn(app.http, bob)).accessToken)['amr']).toEqual(['pwd']);
    const resets = await app.database.query(
      `SELECT details FROM audit_events WHERE target_id = $1 AND action = 'factors.reset'`,
      [bob.id],
    );
    expect(resets).toEqual([{ details: { removed: 1 } }]);
  });

  it('does so for nobody who holds more, nor for themselves, nor for nobody', async () => {
    await admin.post('/v1/roles', { name: 'helpdesk', permissions: ['users:write'] });
    const desk = await createPerson(admin, ['helpdesk']);
    const { http } = await signIn(app.http, desk);
    await admin.put(`/v1/users/${bob.id}/roles`, { roles: ['auditor'] });
    expect(outcome(await reset(http, bob.id))).toBe('403 insufficient_scope');
    expect(outcome(await reset(http, desk.id))).toBe('403 insufficient_scope');
    expect(outcome(await reset(bob.session.http, desk.id))).toBe('403 insufficient_scope');
    expect(outcome(await reset(http, '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11'))).toBe('404 not_found');
    expect(outcome(await reset(http, 'x'))).toBe('404 not_found');
    expect(await app.database.query('SELECT FROM totp_factors WHERE user_id = $1', [bob.id])).toHaveLength(1);
  });
});

describe('a browser that keeps its refresh token in the cookie', () => {
  const origin = { headers: { origin: 'http://localhost:3000' } };
  const kept = ({ headers, body }: { headers: Headers; body: Record<string, unknown> }): [boolean, unknown] => [
    headers.get('set-cookie')?.startsWith('__Host-portcullis_refresh=prt_') === true,
    body['refresh_token'],
  ];

  it('gets it there when factors come and go', async () => {
    const { http } = await signIn(app.http, ann);
    const { body: setup } = await http.post('/v1/auth/mfa/totp/start', {});
    const confirm = { setupToken: setup['setupToken'], code: codeOf(String(setup['secret'])), mode: 'cookie' };
    expect(outcome(await http.post('/v1/auth/mfa/totp/confirm', confirm))).toBe('403 foreign_page');
    const added = await http.post('/v1/auth/mfa/totp/confirm', confirm, origin);
    expect(kept(added)).toEqual([true, undefined]);
    const cookie = String(added.headers.get('set-cookie')).split(';')[0] ?? '';
    const factor = `/v1/auth/mfa/factors/${String(added.body['factorId'])}`;
    const client = app.http.as(String(added.body['access_token']));
    expect(outcome(await client.delete(factor, undefined, { headers: { cookie } }))).toBe('403 foreign_page');
    const removed = await client.delete(factor, undefined, { headers: { cookie, ...origin.headers } });
    expect(kept(removed)).toEqual([true, undefined]);
  });
});

describe('a passkey', () => {
  type Json = Record<string, unknown>;
  const ISSUER = 'http://localhost:3000';
  const optionsOf = ({ body }: { body: Json }) => body['options'] as Json;
  let passkey: SoftwarePasskey;
  beforeEach(() => {
    passkey = new SoftwarePasskey(ISSUER);
  });

  async function add(format?: string): Promise<{ status: number; body: Json }> {
    const { http } = await signIn(app.http, ann);
    const credential = passkey.create(optionsOf(await http.post('/v1/auth/mfa/passkey/start', {})), format);
    return http.post('/v1/auth/mfa/passkey/confirm', { credential });
  }
  const logIn = async () => {
    const credential = passkey.get(optionsOf(await app.http.post('/v1/auth/passkey/options', {})));
    return app.http.post('/v1/auth/passkey/login', { credential });
  };

  it.each(['none', 'packed', 'android-key', 'tpm', 'apple', 'whatever'])(
    'is taken for what it signs, not for what its maker says of it (%s): nobody follows a certificate that was sent along',
    async (format) => {
      expect((await add(format)).status).toBe(200);
      expect((await logIn()).status).toBe(200);
    },
  );

  it('logs in alone once per challenge, for which nothing was stored; 49 more at once are no copy of it', async () => {
    expect((await add()).status).toBe(200);
    const stored = () => app.database.query('SELECT FROM passkey_challenges');
    const before = (await stored()).length;
    const question = await app.http.post('/v1/auth/passkey/options', {});
    const credential = passkey.get(optionsOf(question));
    const spoilt = { ...credential, response: { ...(credential['response'] as Json), signature: 'AAAA' } };
    expect(outcome(await app.http.post('/v1/auth/passkey/login', { credential: spoilt }))).toBe(
      '401 invalid_credentials',
    );
    expect(await stored()).toHaveLength(before);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => app.http.post('/v1/auth/passkey/login', { credential })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(new Set(answers.map(outcome))).toEqual(new Set(['200 undefined', '401 invalid_credentials']));
    expect(await stored()).toHaveLength(before + 1);
    const copied = `SELECT FROM audit_events WHERE target_id = $1 AND action = 'passkey.copied'`;
    expect(await app.database.query(copied, [ann.id])).toEqual([]);
  });

  it('of somebody who is disabled is refused, and that is written down', async () => {
    expect((await add()).status).toBe(200);
    await app.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [ann.id]);
    expect(outcome(await logIn())).toBe('401 invalid_credentials');
    const failed = `SELECT outcome FROM audit_events WHERE target_id = $1 AND action = 'login.failed'`;
    expect(await app.database.query(failed, [ann.id])).toEqual([{ outcome: 'failure' }]);
  });

  it.each<[string, (now: number) => string]>([
    ['has expired', (now) => newLoginChallenge(app.nest.get(ServerSecrets).get('passkey-login-challenge'), now - 1)],
    ['was made elsewhere', (now) => newLoginChallenge(Buffer.alloc(32), now + 60)],
    ['is only text', () => 'AAAA'],
  ])('does not log in by a challenge that %s', async (_, made) => {
    expect((await add()).status).toBe(200);
    const challenge = Buffer.from(made(Math.floor(Date.now() / 1000))).toString('base64url');
    const credential = passkey.get({ ...optionsOf(await app.http.post('/v1/auth/passkey/options', {})), challenge });
    expect(outcome(await app.http.post('/v1/auth/passkey/login', { credential }))).toBe('401 invalid_credentials');
  });

  it('that has never made sure of its user does not begin to be enough alone', async () => {
    passkey.verifies = false;
    expect((await add()).status).toBe(200);
    passkey.verifies = true;
    expect(outcome(await logIn())).toBe('401 invalid_credentials');
    const token = await mfaToken(app, ann);
    const question = await app.http.post('/v1/auth/mfa/passkey/options', { mfa_token: token });
    const credential = passkey.get(optionsOf(question));
    expect((await app.http.post('/v1/auth/mfa/passkey', { mfa_token: token, credential })).status).toBe(200);
    expect((await logIn()).status).toBe(200);
  });
});

describe('a change of factors that waits', () => {
  it.each([
    ['the session was ended', `UPDATE sessions SET revoked_at = now() WHERE user_id = $1`],
    ['the password was changed', `UPDATE users SET password_hash = 'another' WHERE id = $1`],
    ['the user was disabled', `UPDATE users SET status = 'disabled' WHERE id = $1`],
  ])('gives nothing when %s meanwhile', async (_, statement) => {
    const { session, id } = await enrol(app, ann);
    const sql = await connectTo(app.database);
    await sql.query('BEGIN');
    await sql.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
    const renewing = session.http.post('/v1/auth/mfa/recovery-codes');
    await until('the request waits for the user', () => someoneWaits());
    await sql.query(statement, [id]);
    await sql.query('COMMIT');
    await sql.end();
    const { status, body } = await renewing;
    expect([status, body['recoveryCodes']]).toEqual([401, undefined]);
    const sessions = await app.database.query('SELECT FROM live_sessions WHERE user_id = $1', [id]);
    expect(sessions).toEqual([]);
  });
});

describe('a user who is deleted while they', () => {
  it.each<[string, string, object]>([
    ['begin to set up an app', '/v1/auth/mfa/totp/start', {}],
    ['begin to set up a passkey', '/v1/auth/mfa/passkey/start', {}],
    ['ask for another address', '/v1/auth/email/change', { newEmail: 'other@example.org' }],
  ])('%s is refused as one who is gone', async (_, path, body) => {
    const { http } = await signIn(app.http, ann);
    const sql = await connectTo(app.database);
    await sql.query('BEGIN');
    await sql.query('DELETE FROM users WHERE id = $1', [ann.id]);
    const asking = http.post(path, path.includes('email') ? { ...body, currentPassword: ann.password } : body);
    await until('the request waits for the user', () => someoneWaits());
    await sql.query('COMMIT');
    await sql.end();
    expect(outcome(await asking)).toBe('401 invalid_credentials');
  });
});

async function someoneWaits(): Promise<boolean> {
  const waiting = await app.database.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return waiting.length > 0;
}

describe('SQL that adds or takes a factor', () => {
  it('leaves recovery codes that the next factor replaces', async () => {
    const before = await enrol(app, ann);
    await app.database.query('DELETE FROM totp_factors WHERE id = $1', [before.factorId]);
    const { recoveryCodes } = await enrol(app, ann);
    expect(recoveryCodes).toHaveLength(10);
    const mfa_token = await mfaToken(app, ann);
    const use = (code = '') => app.http.post('/v1/auth/mfa/recovery', { mfa_token, code });
    expect(outcome(await use(before.recoveryCodes[0]))).toBe('401 invalid_code');
    expect((await use(recoveryCodes[0])).status).toBe(200);
  });

  it.each([
    ['DELETE FROM totp_factors WHERE user_id = $1', 'ends'],
    [`UPDATE totp_factors SET secret = 'x' WHERE user_id = $1`, 'ends'],
    [`INSERT INTO recovery_codes VALUES ($1, 'x')`, 'ends'],
    ['UPDATE totp_factors SET last_step = last_step + 1 WHERE user_id = $1', 'keeps'],
    [`UPDATE totp_factors SET secret = 'x', master_key_id = 'another' WHERE user_id = $1`, 'ends'],
    [`UPDATE recovery_codes SET hash = hash || 'x'::bytea WHERE user_id = $1`, 'ends'],
    ['DELETE FROM recovery_codes WHERE user_id = $1', 'keeps'],
  ])('%s: %s sessions', async (statement, what) => {
    const { session, id, factorId } = await enrol(app, ann);
    await app.database.query(statement, [id]);
    expect(await verdict(session.http)).toBe(what === 'ends' ? '401 credentials_changed' : 'accepted');
    await app.database.query('DELETE FROM totp_factors WHERE id = $1', [factorId]);
  });

  it.each([
    ['keeps', `secret = 'x', master_key_id = 'another'`],
    ['ends', `secret = 'x'`],
  ])(
    '%s sessions where it is announced as the wrapping of a secret under another master key, and sets %s',
    async (what, set) => {
      const { session, id } = await enrol(app, ann);
      const sql = await connectTo(app.database);
      await sql.query('BEGIN');
      await sql.query(`SET LOCAL portcullis.rewrap = 'on'`);
      await sql.query(`UPDATE totp_factors SET ${set} WHERE user_id = $1`, [id]);
      await sql.query('COMMIT');
      expect(await verdict(session.http)).toBe(what === 'ends' ? '401 credentials_changed' : 'accepted');
      // It was for that transaction alone.
      await sql.query(`UPDATE totp_factors SET secret = 'y', master_key_id = 'yet another' WHERE user_id = $1`, [id]);
      await sql.end();
      expect(await verdict(session.http)).toBe('401 credentials_changed');
      await app.database.query('DELETE FROM totp_factors WHERE user_id = $1', [id]);
    },
  );
});
