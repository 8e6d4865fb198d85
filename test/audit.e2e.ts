import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, ADMIN, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, type Person, type SignedIn } from './support/people.js';
import { until } from './support/until.js';

interface Trail {
  items: {
    id: string;
    action: string;
    outcome: string;
    actorId: string | null;
    targetId: string | null;
    requestId: string | null;
  }[];
  nextCursor: string | null;
}

let app: TestApp;
let admin: HttpClient;
let ann: Person;
let here: SignedIn;
const NEW_PASSWORD = 'a quite different password';

/** A short life of everything that the trail must tell of. */
beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  ann = await createPerson(admin);
  here = await signIn(app.http, ann);
  await app.http.post('/v1/auth/login', { username: ann.username, password: 'wrong password' });
  const { body } = await here.http.post('/v1/auth/password/change', {
    currentPassword: ann.password,
    newPassword: NEW_PASSWORD,
  });
  await until('she is told', async () => (await app.database.query('SELECT FROM mail_requests')).length === 0);
  here = { ...here, refreshToken: String(body['refresh_token']), http: app.http.as(String(body['access_token'])) };
  await here.http.get('/v1/users');
  await here.http.post('/v1/auth/logout');
  await admin.post('/v1/permissions', { name: 'articles:read' });
  await admin.post('/v1/roles', { name: 'reader', permissions: ['articles:read'] });
  await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['reader'] });
  await admin.put('/v1/roles/reader/permissions', { permissions: [] });
  await admin.patch(`/v1/users/${ann.id}`, { displayName: 'Ann' });
  await admin.post(`/v1/users/${ann.id}/disable`);
  await admin.post(`/v1/users/${ann.id}/enable`);
  await admin.post('/v1/forced-expirations', { scope: 'user', key: ann.id, reason: 'drill' });
  await admin.delete(`/v1/users/${ann.id}`);
  await admin.delete('/v1/roles/reader');
  await admin.delete('/v1/permissions/articles:read');
});
afterAll(() => app.close());

const trail = async (query = ''): Promise<Trail> => (await admin.get<Trail>(`/v1/audit-events?limit=200${query}`)).body;

describe('the audit trail', () => {
  it('has a row for every change and for refused attempts, newest first', async () => {
    const actions = (await trail()).items.map(({ action }) => action);
    expect(new Set(actions)).toEqual(
      new Set([
        'key.created',
        'user.created',
        'login.succeeded',
        'login.failed',
        'password.changed',
        'mail.sent',
        'access.denied',
        'session.ended',
        'permission.created',
        'role.created',
        'user.roles_set',
        'role.permissions_set',
        'user.updated',
        'user.disabled',
        'user.enabled',
        'expiration.forced',
        'user.deleted',
        'role.deleted',
        'permission.deleted',
      ]),
    );
    const ids = (await trail()).items.map(({ id }) => Number(id));
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  });

  it('says who did what to whom, by which request', async () => {
    const { headers } = await admin.post('/v1/roles', { name: 'writer', permissions: [] });
    const [root] = await app.database.query<{ id: string }>(
      `SELECT id FROM users WHERE username = '${ADMIN.username}'`,
    );
    const [newest] = (await trail()).items;
    expect(newest).toMatchObject({
      action: 'role.created',
      outcome: 'success',
      actorId: root?.id,
      targetId: 'writer',
      requestId: headers.get('x-request-id'),
    });
  });

  it('is filtered by action, outcome, actor, target and time', async () => {
    expect((await trail('&action=user.disabled')).items.map(({ targetId }) => targetId)).toEqual([ann.id]);
    expect(new Set((await trail('&outcome=failure')).items.map(({ action }) => action))).toEqual(
      new Set(['login.failed']),
    );
    expect((await trail(`&actorId=${ann.id}&outcome=denied`)).items.map(({ action }) => action)).toEqual([
      'access.denied',
    ]);
    expect((await trail(`&targetId=${ann.id}&action=user.created`)).items).toHaveLength(1);
    expect((await trail('&to=2020-01-01T00:00:00Z')).items).toEqual([]);
    expect((await trail('&from=2020-01-01T00:00:00Z')).items.length).toBeGreaterThan(10);
  });

  it('is read in pages that miss and repeat nothing', async () => {
    const whole = (await trail()).items.map(({ id }) => id);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body }: { body: Trail } = await admin.get<Trail>(`/v1/audit-events?limit=4${query}`);
      paged.push(...body.items.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(paged).toEqual(whole);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=nonsense', 'outcome=maybe', 'from=yesterday', 'unknown=1'])(
    'refuses %s',
    async (query) => {
      expect((await admin.get(`/v1/audit-events?${query}`)).status).toBe(400);
    },
  );

  it('holds no secret and nothing of a deleted user but the id', async () => {
    const rows = JSON.stringify(await app.database.query('SELECT * FROM audit_events'));
    for (const secret of [
      ann.password,
      NEW_PASSWORD,
      ADMIN.password,
      'wrong password',
      here.accessToken,
      here.refreshToken,
      ann.username,
      ann.email,
    ]) {
      expect(rows).not.toContain(secret);
    }
    expect(rows).not.toMatch(/argon2|eyJ|prt_/);
  });

  it('is for those with audit:read', async () => {
    const nobody = await signIn(app.http, await createPerson(admin));
    expect((await nobody.http.get('/v1/audit-events')).status).toBe(403);
    const auditor = await signIn(app.http, await createPerson(admin, ['auditor']));
    expect((await auditor.http.get('/v1/audit-events')).status).toBe(200);
  });
});
