import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, type Person, type SignedIn } from './support/people.js';
import { claimsOf, encoded, reissued } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';

interface Explained {
  accepted: boolean;
  reason?: string;
  questions: { question: string; answer: boolean | null; facts: Record<string, unknown> }[];
}

let app: TestApp;
let admin: HttpClient;
let ann: Person;
let here: SignedIn;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await createPerson(admin);
  here = await signIn(app.http, ann);
});

async function explained(
  token: string,
): Promise<[accepted: boolean, reason: string | undefined, ...answers: (boolean | null)[]]> {
  const { status, body } = await admin.post<Explained>('/v1/tokens/explain', { token });
  expect(status).toBe(200);
  expect(body.questions.map(({ question }) => question)).toEqual([
    'not_expired',
    'signature_valid',
    'credentials_unchanged',
    'user_active',
    'not_forced',
  ]);
  return [body.accepted, body.reason, ...body.questions.map(({ answer }) => answer)];
}

describe('explaining a token', () => {
  it('that is accepted: five times yes', async () => {
    expect(await explained(here.accessToken)).toEqual([true, undefined, true, true, true, true, true]);
  });

  it('that has expired', async () => {
    const now = Math.floor(Date.now() / 1000);
    const old = await reissued(app, here.accessToken, { iat: now - 100, exp: now - 1 });
    expect(await explained(old)).toEqual([false, 'expired', false, true, true, true, true]);
  });

  it('whose signature is wrong, of which only what stands in it is told', async () => {
    const [header, , signature] = here.accessToken.split('.');
    const forged = `${header ?? ''}.${encoded({ ...claimsOf(here.accessToken), sub: 'someone' })}.${signature ?? ''}`;
    expect(await explained(forged)).toEqual([false, 'bad_signature', true, false, null, null, null]);
  });

  it('of a user whose password was changed', async () => {
    await here.http.post('/v1/auth/password/change', {
      currentPassword: ann.password,
      newPassword: 'another password entirely',
    });
    expect(await explained(here.accessToken)).toEqual([false, 'credentials_changed', true, true, false, true, true]);
  });

  it('of a disabled and of a deleted user', async () => {
    await admin.post(`/v1/users/${ann.id}/disable`);
    expect(await explained(here.accessToken)).toEqual([false, 'user_disabled', true, true, true, false, true]);
    await admin.delete(`/v1/users/${ann.id}`);
    expect(await explained(here.accessToken)).toEqual([false, 'user_deleted', true, true, true, false, true]);
  });

  it('that was forced to expire, and of a session that ended', async () => {
    const there = await signIn(app.http, ann);
    await there.http.post('/v1/auth/logout');
    expect(await explained(there.accessToken)).toEqual([false, 'session_ended', true, true, true, true, false]);
    await admin.post('/v1/forced-expirations', { scope: 'user', key: ann.id, reason: 'drill' });
    expect(await explained(here.accessToken)).toEqual([false, 'forced_expiration', true, true, true, true, false]);
  });

  it('of another issuer', async () => {
    const foreign = await reissued(app, here.accessToken, { iss: 'https://elsewhere.example' });
    expect((await explained(foreign)).slice(0, 2)).toEqual([false, 'wrong_issuer']);
  });

  const generated = async (body: object): Promise<{ token: string; jti: string }> => {
    const answer = await admin.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 600, ...body });
    return { token: String(answer.body['access_token']), jti: String(answer.body['jti']) };
  };
  const PERMITS = { permissions: { pub: ['/out'] } };

  it('that was generated about a user, and ends with the user', async () => {
    const { token, jti } = await generated({ subject: ann.id });
    expect(await explained(token)).toEqual([true, undefined, true, true, true, true, true]);
    await admin.delete(`/v1/tokens/${jti}`);
    expect(await explained(token)).toEqual([false, 'token_revoked', true, true, true, true, false]);
    const { token: another } = await generated({ subject: ann.id, ...PERMITS });
    expect(await explained(another)).toEqual([true, undefined, true, true, true, true, true]);
    await admin.post(`/v1/users/${ann.id}/disable`);
    expect(await explained(another)).toEqual([false, 'user_disabled', true, true, true, false, true]);
  });

  it('that is about nobody known here, by the key of the issuer or a secret', async () => {
    for (const algorithm of ['RS256', 'HS256']) {
      const audience = `urn:explain:${algorithm}`;
      await admin.post('/v1/audiences', { identifier: audience, algorithm });
      const { token } = await generated({ audience, subject: 'device-17' });
      expect(await explained(token)).toEqual([true, undefined, true, true, null, null, true]);
      await admin.delete(`/v1/audiences/${audience}`);
      expect((await explained(token))[0]).toBe(false);
    }
  });

  it('of a client, which changes its secret or is disabled', async () => {
    const { body } = await admin.post('/v1/clients', { name: 'Billing', permissions: [], audiences: [] });
    const clientId = String(body['clientId']);
    const { token } = await generated({ subject: clientId });
    expect(await explained(token)).toEqual([true, undefined, true, true, true, null, true]);
    const client = app.http.as(token);
    for (const path of ['/v1/auth/me', '/v1/auth/sessions'])
      expect((await client.get(path)).body).toMatchObject({ status: 403, code: 'not_a_user' });
    expect((await client.post('/v1/auth/logout-all')).status).toBe(403);
    await app.database.query(`INSERT INTO client_secrets (id, client_id, hash) VALUES (gen_random_uuid(), $1, '')`, [
      clientId,
    ]);
    expect(await explained(token)).toEqual([false, 'credentials_changed', true, true, false, null, true]);
    const { token: later } = await generated({ subject: clientId });
    await admin.post(`/v1/clients/${clientId}/disable`);
    expect(await explained(later)).toEqual([false, 'client_disabled', true, true, true, null, false]);
  });

  it.each(['garbage', 'a.b.c', '{}', 'prt_AAAA'])('that is none (%s)', async (token) => {
    expect(await explained(token)).toEqual([false, 'malformed', null, false, null, null, null]);
  });

  it('needs tokens:explain', async () => {
    expect((await here.http.post('/v1/tokens/explain', { token: here.accessToken })).status).toBe(403);
    expect((await app.http.post('/v1/tokens/explain', { token: here.accessToken })).status).toBe(401);
    expect((await admin.post('/v1/tokens/explain', {})).status).toBe(400);
  });
});
