import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person, type SignedIn } from './support/people.js';
import { claimsOf } from './support/tokens.js';

let app: TestApp;
let admin: HttpClient;
let ann: Person;
let bob: Person;
let annHere: SignedIn;
let bobHere: SignedIn;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  await admin.post('/v1/roles', { name: 'reader', permissions: ['users:read'] });
});
afterAll(() => app.close());
beforeEach(async () => {
  admin = await app.admin();
  [ann, bob] = [await createPerson(admin, ['reader']), await createPerson(admin, ['reader'])];
  [annHere, bobHere] = [await signIn(app.http, ann), await signIn(app.http, bob)];
});

const force = (body: object) => admin.post('/v1/forced-expirations', { reason: 'a drill', ...body });
const claim = (session: SignedIn, name: string) => String(claimsOf(session.accessToken)[name]);

describe('forcing the expiration of tokens', () => {
  it('of everyone ends every token and session, that of the admin too, with one row', async () => {
    const { status, body } = await force({ scope: 'global' });
    expect(status).toBe(200);
    expect(body['tokens']).toBe(0);
    expect(body['sessions']).toBeGreaterThanOrEqual(3);
    for (const { http, refreshToken } of [annHere, bobHere]) {
      expect(await verdict(http)).toBe('401 forced_expiration');
      expect(await refreshVerdict(app.http, refreshToken)).toBe('401 invalid_grant');
    }
    expect(await verdict(admin)).toBe('401 forced_expiration');
    expect(await verdict((await signIn(app.http, ann)).http)).toBe('accepted');
    const [touched] = await app.database.query<{ count: string }>(
      'SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL',
    );
    expect(touched?.count).toBe('0');
  });

  it('of one user ends theirs and no one else’s', async () => {
    expect((await force({ scope: 'user', key: ann.id })).body).toEqual({ sessions: 1, tokens: 0 });
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict(bobHere.http)).toBe('accepted');
    const sessions = await (await signIn(app.http, ann)).http.get<{ items: unknown[] }>('/v1/auth/sessions');
    expect(sessions.body.items).toHaveLength(1);
  });

  it('can leave sessions alone: the client refreshes and goes on', async () => {
    await force({ scope: 'user', key: ann.id, endSessions: false });
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    const { status, body } = await app.http.post('/v1/auth/refresh', { refresh_token: annHere.refreshToken });
    expect(status).toBe(200);
    expect(await verdict(app.http.as(String(body['access_token'])))).toBe('accepted');
  });

  it('of one session ends that one', async () => {
    const there = await signIn(app.http, ann);
    expect((await force({ scope: 'session', key: claim(annHere, 'sid') })).body).toEqual({ sessions: 1, tokens: 0 });
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict(there.http)).toBe('accepted');
  });

  it('of one token ends that one only: its session goes on', async () => {
    expect((await force({ scope: 'token', key: claim(annHere, 'jti') })).status).toBe(200);
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('refreshed');
  });

  it.each([
    ['client', () => 'portcullis'],
    ['audience', () => claim(annHere, 'aud')],
  ])('of one %s ends all its tokens', async (scope, key) => {
    expect((await force({ scope, key: key() })).status).toBe(200);
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('401 invalid_grant');
    expect(await verdict((await signIn(app.http, ann)).http)).toBe('accepted');
  });

  it('of a role strips it: what needs its permissions gets 401, the rest passes', async () => {
    await force({ scope: 'role', key: 'reader', endSessions: false });
    expect(await verdict(annHere.http, '/v1/users')).toBe('401 role_changed');
    expect(await verdict(annHere.http)).toBe('accepted');
    const { body } = await app.http.post('/v1/auth/refresh', { refresh_token: annHere.refreshToken });
    expect(await verdict(app.http.as(String(body['access_token'])), '/v1/users')).toBe('accepted');
  });

  it('of a role ends the sessions of those who had it then, not of those who get it later', async () => {
    const carol = await createPerson(admin);
    const carolHere = await signIn(app.http, carol);
    await force({ scope: 'role', key: 'reader' });
    await admin.put(`/v1/users/${carol.id}/roles`, { roles: ['reader'] });
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('401 invalid_grant');
    expect(await refreshVerdict(app.http, carolHere.refreshToken)).toBe('refreshed');
  });

  it('as a dry run only counts', async () => {
    const { body } = await force({ scope: 'role', key: 'reader', dryRun: true });
    expect(body['sessions']).toBeGreaterThanOrEqual(2);
    expect(await verdict(annHere.http, '/v1/users')).toBe('accepted');
    expect(await refreshVerdict(app.http, annHere.refreshToken)).toBe('refreshed');
  });

  it('works from SQL alike', async () => {
    await app.database.query(
      `INSERT INTO forced_expirations (scope, key, reason) VALUES ('user', '${ann.id}', 'by hand')`,
    );
    expect(await verdict(annHere.http)).toBe('401 forced_expiration');
    expect(await verdict(bobHere.http)).toBe('accepted');
  });

  it.each([
    [{ scope: 'user' }, 400],
    [{ scope: 'galaxy', key: 'x' }, 400],
    [{ scope: 'global', key: 'x' }, 400],
    [{ scope: 'global', reason: '' }, 400],
    [{ scope: 'user', key: 'not-a-uuid' }, 404],
    [{ scope: 'user', key: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' }, 404],
    [{ scope: 'session', key: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' }, 404],
    [{ scope: 'role', key: 'nobody' }, 404],
    [{ scope: 'client', key: 'nobody' }, 404],
    [{ scope: 'audience', key: 'urn:nobody' }, 404],
  ])('%j: %d', async (body, status) => {
    expect((await force(body)).status).toBe(status);
    expect(await verdict(annHere.http)).toBe('accepted');
  });

  it('needs validity:write, and at least what those hold whom it ends', async () => {
    expect((await annHere.http.post('/v1/forced-expirations', { scope: 'global', reason: 'x' })).status).toBe(403);
    await admin.post('/v1/roles', { name: 'ender', permissions: ['validity:write'] });
    const ender = (await signIn(app.http, await createPerson(admin, ['ender']))).http;
    const [root] = await app.database.query<{ id: string }>(`SELECT id FROM users WHERE username = 'admin'`);
    for (const target of [
      { scope: 'user', key: root?.id },
      { scope: 'session', key: claim(annHere, 'sid') },
      { scope: 'role', key: 'admin' },
    ]) {
      const { status } = await ender.post('/v1/forced-expirations', { ...target, reason: 'x' });
      expect([target.scope, status]).toEqual([target.scope, 403]);
    }
    expect(await verdict(admin)).toBe('accepted');
    expect(await verdict(annHere.http)).toBe('accepted');
  });
});
