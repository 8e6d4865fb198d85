import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { codeOf, enrol, mfaToken, proveTotp, type Enrolled } from './support/factors.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';
import { claimsOf } from './support/tokens.js';

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

describe('SQL that adds or takes a factor', () => {
  it.each([
    ['DELETE FROM totp_factors WHERE user_id = $1', 'ends'],
    [`UPDATE totp_factors SET secret = 'x' WHERE user_id = $1`, 'ends'],
    [`INSERT INTO recovery_codes VALUES ($1, 'x')`, 'ends'],
    ['UPDATE totp_factors SET last_step = last_step + 1 WHERE user_id = $1', 'keeps'],
    [`UPDATE totp_factors SET secret = 'x', master_key_id = 'another' WHERE user_id = $1`, 'keeps'],
    ['DELETE FROM recovery_codes WHERE user_id = $1', 'keeps'],
  ])('%s: %s sessions', async (statement, what) => {
    const { session, id, factorId } = await enrol(app, ann);
    await app.database.query(statement, [id]);
    expect(await verdict(session.http)).toBe(what === 'ends' ? '401 credentials_changed' : 'accepted');
    await app.database.query('DELETE FROM totp_factors WHERE id = $1', [factorId]);
  });
});
