import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BUILT_IN_PERMISSIONS } from '../src/permissions/built-in.js';
import { startApp, type TestApp } from './support/app.js';
import { freshName, holderOf, logInAs } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson } from './support/people.js';

type Problem = Answer<{ code: string; errors?: { field: string; message: string }[] }>;

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

afterAll(() => app.close());

const problem = ({ status, body }: Answer) => ({ status, code: (body as { code?: string }).code });
const fields = ({ body }: Problem) => body.errors?.map(({ field }) => field);
const names = ({ body }: Answer<{ items: { name: string }[] }>) => body.items.map(({ name }) => name);

async function createRole(permissions: string[] = []): Promise<string> {
  const name = freshName('role');
  const { status } = await admin.post('/v1/roles', { name, permissions });
  expect(status).toBe(201);
  return name;
}

/** What the database recorded since `before`, in any order. */
async function eventsSince(before: string): Promise<unknown[]> {
  return app.database.query('SELECT kind, key, reason FROM validity_events WHERE seq > $1 ORDER BY kind, key', [
    before,
  ]);
}

async function clock(): Promise<string> {
  const [row] = await app.database.query<{ seq: string }>('SELECT seq FROM validity_clock');
  return row?.seq ?? '';
}

describe('permissions', () => {
  it('are the built-in ones at first', async () => {
    const { body } = await admin.get<{ items: { name: string; builtIn: boolean }[] }>('/v1/permissions?limit=200');
    expect(body.items.filter(({ builtIn }) => builtIn).map(({ name }) => name)).toEqual(
      [...BUILT_IN_PERMISSIONS].sort(),
    );
  });

  it('can be added; the admin role, and whoever is in it, holds them at once', async () => {
    const created = await admin.post('/v1/permissions', { name: 'billing:read', description: 'Read invoices' });
    expect(created).toMatchObject({
      status: 201,
      body: { name: 'billing:read', description: 'Read invoices', builtIn: false },
    });
    expect((await admin.get('/v1/roles/admin')).body.permissions).toContain('billing:read');
    // With the same token as before.
    expect(await admin.post('/v1/roles', { name: 'biller', permissions: ['billing:read'] })).toMatchObject({
      status: 201,
    });
    expect(problem(await admin.post('/v1/permissions', { name: 'billing:read' }))).toEqual({
      status: 409,
      code: 'name_taken',
    });
  });

  it.each(['', 'nocolon', 'two words:read', 'Upper:case', `a:${'b'.repeat(127)}`, 'a:b\0', 7, null])(
    'cannot be called %j',
    async (name) => {
      const answer: Problem = await admin.post('/v1/permissions', { name });
      expect({ ...problem(answer), fields: fields(answer)?.[0] }).toEqual({
        status: 400,
        code: 'validation_failed',
        fields: 'name',
      });
    },
  );

  it('cannot be deleted when they are built in or do not exist', async () => {
    expect(problem(await admin.delete('/v1/permissions/users:read'))).toEqual({ status: 409, code: 'built_in' });
    expect(problem(await admin.delete('/v1/permissions/no:such'))).toEqual({ status: 404, code: 'not_found' });
  });

  it('vanish from every role and from tokens when they are deleted', async () => {
    await admin.post('/v1/permissions', { name: 'doomed:read' });
    const role = await createRole(['doomed:read', 'audit:read']);
    const before = await clock();
    const { headers } = await admin.get(`/v1/roles/${role}`);
    expect(await admin.delete('/v1/permissions/doomed%3Aread')).toMatchObject({ status: 204 });
    const after = await admin.get(`/v1/roles/${role}`);
    expect(after.body.permissions).toEqual(['audit:read']);
    expect(after.headers.get('etag')).not.toBe(headers.get('etag'));
    expect(await eventsSince(before)).toEqual([
      { kind: 'role_permission', key: 'admin doomed:read', reason: 'role_changed' },
      { kind: 'role_permission', key: `${role} doomed:read`, reason: 'role_changed' },
    ]);
  });
});

describe('roles', () => {
  it('are read with their permissions and an entity tag', async () => {
    const auditor = await admin.get('/v1/roles/auditor');
    expect(auditor).toMatchObject({
      status: 200,
      body: {
        name: 'auditor',
        builtIn: true,
        permissions: BUILT_IN_PERMISSIONS.filter((p) => p.endsWith(':read')).sort(),
      },
    });
    expect(auditor.headers.get('etag')).toMatch(/^"\d+"$/);
    expect(problem(await admin.get('/v1/roles/no-such-role'))).toEqual({ status: 404, code: 'not_found' });
  });

  it('are created with permissions', async () => {
    const body = { name: freshName('role'), description: 'Looks things up', permissions: ['users:read', 'audit:read'] };
    const created = await admin.post('/v1/roles', body);
    expect(created).toMatchObject({
      status: 201,
      body: { ...body, builtIn: false, permissions: ['audit:read', 'users:read'] },
    });
    expect(await admin.get(`/v1/roles/${body.name}`)).toMatchObject({ status: 200, body: created.body });
    expect(problem(await admin.post('/v1/roles', body))).toEqual({ status: 409, code: 'name_taken' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['name', { name: 'Two Words' }],
    ['name', { name: 'a'.repeat(65) }],
    ['description', { description: 'a'.repeat(257) }],
    ['permissions', { permissions: undefined }],
    ['permissions', { permissions: ['users:read', 'users:read'] }],
    ['permissions.1', { permissions: ['users:read', 'no:such'] }],
    ['builtIn', { builtIn: true }],
  ])('are refused with a bad %s: %j', async (field, wrong) => {
    const answer: Problem = await admin.post('/v1/roles', { name: freshName('role'), permissions: [], ...wrong });
    expect(problem(answer)).toEqual({ status: 400, code: 'validation_failed' });
    expect(fields(answer)).toContain(field);
  });

  it.each(['roles', 'permissions'])('page by page: %s', async (kind) => {
    for (let n = 0; n < 4; n++) await admin.post('/v1/permissions', { name: `${freshName('page')}:read` });
    for (let n = 0; n < 4; n++) await createRole();
    type Page = Answer<{ items: { name: string }[]; nextCursor: string | null }>;
    const all = names(await admin.get(`/v1/${kind}?limit=200`));
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page = await admin.get(`/v1/${kind}?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...names(page));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(all);
    expect(problem(await admin.get(`/v1/${kind}?cursor=AA`))).toEqual({ status: 400, code: 'validation_failed' });
  });

  it('change their description', async () => {
    const role = await createRole(['users:read']);
    const before = await clock();
    const changed = await admin.patch(`/v1/roles/${role}`, { description: 'Anew' });
    expect(changed).toMatchObject({ status: 200, body: { description: 'Anew', permissions: ['users:read'] } });
    const same = await admin.patch(`/v1/roles/${role}`, {});
    expect(same).toMatchObject({ status: 200, body: changed.body });
    expect(same.headers.get('etag')).toBe(changed.headers.get('etag'));
    expect(await admin.patch(`/v1/roles/${role}`, { description: null })).toMatchObject({
      body: { description: null },
    });
    expect(await eventsSince(before)).toEqual([]);
  });

  it('lose what is taken away, and nothing else, with an event for just that', async () => {
    const role = await createRole(['users:read', 'audit:read', 'keys:read']);
    const before = await clock();
    const path = `/v1/roles/${role}/permissions`;
    expect(await admin.put(path, { permissions: ['roles:read', 'users:read', 'keys:read'] })).toMatchObject({
      status: 200,
      body: { permissions: ['keys:read', 'roles:read', 'users:read'] },
    });
    expect(await eventsSince(before)).toEqual([
      { kind: 'role_permission', key: `${role} audit:read`, reason: 'role_changed' },
    ]);
    const then = await clock();
    const same = await admin.put(path, { permissions: ['users:read', 'keys:read', 'roles:read'] });
    const more = await admin.put(path, { permissions: ['users:read', 'keys:read', 'roles:read', 'audit:read'] });
    expect([same.status, more.status]).toEqual([200, 200]);
    expect(more.headers.get('etag')).not.toBe(same.headers.get('etag'));
    expect(await eventsSince(then)).toEqual([]);
    const unknown: Problem = await admin.put(path, { permissions: ['users:read', 'no:such'] });
    expect(fields(unknown)).toEqual(['permissions.1']);
  });

  it('strip a lost permission from older tokens: 401 until the client has refreshed, then 403', async () => {
    const { person, role, client } = await holderOf(admin, ['users:read', 'audit:read']);
    expect(await client.get('/v1/users')).toMatchObject({ status: 200 });
    await admin.put(`/v1/roles/${role}/permissions`, { permissions: ['audit:read'] });
    expect(await client.get('/v1/users')).toMatchObject({
      status: 401,
      body: { code: 'invalid_token', reason: 'role_changed' },
    });
    expect(await client.get('/v1/audit-events')).toMatchObject({ status: 200 });
    const fresh = await logInAs(app.http, person);
    expect(problem(await fresh.get('/v1/users'))).toEqual({ status: 403, code: 'insufficient_scope' });
  });

  it('are deleted with their memberships, and strip the tokens of their members', async () => {
    const { person, role, client } = await holderOf(admin, ['users:read']);
    const before = await clock();
    expect(await admin.delete(`/v1/roles/${role}`)).toMatchObject({ status: 204 });
    expect(problem(await admin.get(`/v1/roles/${role}`))).toMatchObject({ status: 404 });
    expect((await admin.get(`/v1/users/${person.id}`)).body.roles).toEqual([]);
    expect(await eventsSince(before)).toEqual([
      { kind: 'role', key: role, reason: 'role_changed' },
      { kind: 'role_permission', key: `${role} users:read`, reason: 'role_changed' },
    ]);
    expect(await client.get('/v1/users')).toMatchObject({ status: 401, body: { reason: 'role_changed' } });
    expect(await client.get('/v1/auth/me')).toMatchObject({ status: 200 });
  });

  it('that are built in can be neither changed nor deleted', async () => {
    for (const role of ['admin', 'auditor']) {
      const answers = [
        await admin.patch(`/v1/roles/${role}`, { description: 'Mine' }),
        await admin.put(`/v1/roles/${role}/permissions`, { permissions: [] }),
        await admin.delete(`/v1/roles/${role}`),
      ];
      expect(answers.map(problem)).toEqual(Array(3).fill({ status: 409, code: 'built_in' }));
    }
  });

  it('are not changed in a version that is not the current one', async () => {
    const role = await createRole(['users:read']);
    const path = `/v1/roles/${role}`;
    const headers = { 'if-match': (await admin.get(path)).headers.get('etag') ?? '' };
    const changed = await admin.put(`${path}/permissions`, { permissions: [] }, { headers });
    expect(changed.status).toBe(200);
    const stale = [
      await admin.patch(path, { description: 'Second' }, { headers }),
      await admin.put(`${path}/permissions`, { permissions: ['users:read'] }, { headers }),
      await admin.delete(path, undefined, { headers }),
    ];
    expect(stale.map(problem)).toEqual(Array(3).fill({ status: 412, code: 'precondition_failed' }));
    const current = { 'if-match': changed.headers.get('etag') ?? '' };
    expect(await admin.delete(path, undefined, { headers: current })).toMatchObject({ status: 204 });
  });

  it('need roles:read to be read and roles:write to be changed', async () => {
    const client = await logInAs(app.http, await createPerson(admin));
    const needs = async (answer: Promise<Answer>) => (await answer).headers.get('www-authenticate');
    const challenge = (scope: string) => `Bearer error="insufficient_scope", scope="${scope}"`;
    for (const path of ['/v1/roles', '/v1/roles/admin', '/v1/permissions']) {
      expect(await needs(client.get(path))).toBe(challenge('roles:read'));
    }
    for (const [method, path] of [
      ['POST', '/v1/roles'],
      ['PATCH', '/v1/roles/admin'],
      ['PUT', '/v1/roles/admin/permissions'],
      ['DELETE', '/v1/roles/admin'],
      ['POST', '/v1/permissions'],
      ['DELETE', '/v1/permissions/users:read'],
    ] as const) {
      expect(await needs(client.raw(method, path))).toBe(challenge('roles:write'));
    }
  });
});

describe('the roles of a user', () => {
  it('are replaced, with an event only when one is taken away', async () => {
    const [one, other] = [await createRole(['users:read']), await createRole()];
    const { id } = await createPerson(admin, [one]);
    const path = `/v1/users/${id}/roles`;
    const before = await clock();
    expect(await admin.put(path, { roles: [other, one] })).toMatchObject({ body: { roles: [one, other].sort() } });
    expect(await admin.put(path, { roles: [one, other] })).toMatchObject({ status: 200 });
    expect(await eventsSince(before)).toEqual([]);
    expect(await admin.put(path, { roles: [other] })).toMatchObject({ body: { roles: [other] } });
    expect(await eventsSince(before)).toEqual([{ kind: 'user_facts', key: id, reason: 'facts_changed' }]);
    const trail = await app.database.query(
      `SELECT details FROM audit_events WHERE target_id = $1 AND action = 'user.roles_set' ORDER BY id`,
      [id],
    );
    expect(trail.map(({ details }) => details)).toEqual([
      { added: [other], removed: [] },
      { added: [], removed: [one] },
    ]);
  });

  it('must exist', async () => {
    const { id } = await createPerson(admin);
    const answer: Problem = await admin.put(`/v1/users/${id}/roles`, { roles: ['auditor', 'no-such-role'] });
    expect({ ...problem(answer), fields: fields(answer) }).toEqual({
      status: 400,
      code: 'validation_failed',
      fields: ['roles.1'],
    });
  });

  it('do not get lost when a role is deleted, changed and given at the same time', async () => {
    const role = await createRole(['users:read']);
    const people = await Promise.all(Array.from({ length: 8 }, () => createPerson(admin, [role])));
    const answers = await Promise.all([
      ...people.map(({ id }) => admin.put(`/v1/users/${id}/roles`, { roles: ['auditor', role] })),
      admin.put(`/v1/roles/${role}/permissions`, { permissions: ['audit:read'] }),
      admin.delete(`/v1/roles/${role}`),
      ...people.map(({ id }) => admin.put(`/v1/users/${id}/roles`, { roles: ['auditor'] })),
    ]);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    const left = await app.database.query('SELECT FROM user_roles WHERE role_name = $1', [role]);
    expect(left).toEqual([]);
  });
});
