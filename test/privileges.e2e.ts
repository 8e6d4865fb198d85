import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { freshName, holderOf, logInAs } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson } from './support/people.js';

let app: TestApp;
let admin: HttpClient;
/** May write users and roles, and holds nothing else: whoever attacks here, attacks from this position. */
let helper: HttpClient;
let helperRole: string;
let helperId: string;
let adminId: string;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  const held = await holderOf(admin, ['users:read', 'users:write', 'roles:read', 'roles:write']);
  helper = held.client;
  helperRole = held.role;
  helperId = held.person.id;
  adminId = (await admin.get('/v1/auth/me')).body.id as string;
});

afterAll(() => app.close());

const newUser = (username = freshName()) => ({ username, email: `${username}@example.org` });

/** Refused, with a detail that names the permission. */
function expectDenied({ status, body, headers }: Answer, missing = 'keys:write'): void {
  const { code, detail } = body as { code?: string; detail?: string };
  expect({ status, code }).toEqual({ status: 403, code: 'insufficient_scope' });
  expect(detail).toContain(missing);
  expect(headers.get('www-authenticate')).toContain('insufficient_scope');
}

describe('nobody grants what they do not hold', () => {
  it('by a role of their own making', async () => {
    const name = freshName('role');
    expectDenied(await helper.post('/v1/roles', { name, permissions: ['users:read', 'keys:write'] }));
    expect(await helper.get(`/v1/roles/${name}`)).toMatchObject({ status: 404 });
    expect(await helper.post('/v1/roles', { name, permissions: ['users:read'] })).toMatchObject({ status: 201 });
    expectDenied(await helper.put(`/v1/roles/${name}/permissions`, { permissions: ['users:read', 'keys:write'] }));
    expect((await helper.get(`/v1/roles/${name}`)).body.permissions).toEqual(['users:read']);
  });

  it('by adding to the role that they are in', async () => {
    const permissions = ['users:read', 'users:write', 'roles:read', 'roles:write', 'keys:write'];
    expectDenied(await helper.put(`/v1/roles/${helperRole}/permissions`, { permissions }));
  });

  it('by giving a role to a new user, to another, or to themselves', async () => {
    for (const role of ['admin', (await holderOf(admin, ['keys:write'])).role]) {
      expectDenied(await helper.post('/v1/users', { ...newUser(), roles: [role] }));
      const { id } = await createPerson(admin);
      expectDenied(await helper.put(`/v1/users/${id}/roles`, { roles: [role] }));
      expectDenied(await helper.put(`/v1/users/${helperId}/roles`, { roles: [helperRole, role] }));
    }
    expect((await helper.get(`/v1/users/${helperId}`)).body.roles).toEqual([helperRole]);
  });

  it('by creating a permission, which only an admin then holds', async () => {
    const name = `${freshName('own')}:write`;
    expect(await helper.post('/v1/permissions', { name })).toMatchObject({ status: 201 });
    expectDenied(await helper.post('/v1/roles', { name: freshName('role'), permissions: [name] }), name);
    expect(await helper.delete(`/v1/permissions/${name}`)).toMatchObject({ status: 204 });
  });

  it('but what they hold they may give', async () => {
    expect(await helper.post('/v1/users', { ...newUser(), roles: [helperRole] })).toMatchObject({ status: 201 });
    const { id } = await createPerson(admin);
    expect(await helper.put(`/v1/users/${id}/roles`, { roles: [helperRole] })).toMatchObject({ status: 200 });
    expect(await helper.put(`/v1/users/${id}/roles`, { roles: [] })).toMatchObject({ status: 200 });
  });

  it('not even while the role is being given more at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const role = freshName('role');
      await admin.post('/v1/roles', { name: role, permissions: ['users:read'] });
      const { id } = await createPerson(admin);
      const [granted, raised] = await Promise.all([
        helper.put(`/v1/users/${id}/roles`, { roles: [role] }),
        admin.put(`/v1/roles/${role}/permissions`, { permissions: ['users:read', 'keys:write'] }),
      ]);
      expect(raised.status).toBe(200);
      // Either the admin knew that the user was in the role, or the helper was refused.
      const [facts] = await app.database.query<{ granted: string | null; raised: string }>(
        `SELECT (SELECT id FROM audit_events WHERE target_id = $1 AND action = 'user.roles_set') AS granted,
           (SELECT id FROM audit_events WHERE target_id = $2 AND action = 'role.permissions_set') AS raised`,
        [id, role],
      );
      if (granted.status === 200) expect(Number(facts?.granted)).toBeLessThan(Number(facts?.raised));
      else expectDenied(granted);
    }
  });
});

describe('nobody touches who holds more', () => {
  it('an admin', async () => {
    const path = `/v1/users/${adminId}`;
    expectDenied(await helper.patch(path, { password: 'a password I know' }));
    expectDenied(await helper.patch(path, { email: 'mine@example.org' }));
    expectDenied(await helper.patch(path, {}));
    expectDenied(await helper.post(`${path}/disable`));
    expectDenied(await helper.post(`${path}/enable`));
    expectDenied(await helper.put(`${path}/roles`, { roles: [] }));
    expectDenied(await helper.delete(path));
    expect(await admin.get('/v1/auth/me')).toMatchObject({ status: 200 });
  });

  it('nor one who holds a single permission more', async () => {
    const { person, client } = await holderOf(admin, ['users:read', 'keys:write']);
    const path = `/v1/users/${person.id}`;
    for (const answer of [
      await helper.patch(path, { password: 'a password I know' }),
      await helper.post(`${path}/disable`),
      await helper.put(`${path}/roles`, { roles: [] }),
      await helper.delete(path),
    ]) {
      expectDenied(answer);
    }
    expect(await client.get('/v1/users')).toMatchObject({ status: 200 });
  });

  it('but equals and those below', async () => {
    const equal = await createPerson(admin, [helperRole]);
    const path = `/v1/users/${equal.id}`;
    expect(await helper.patch(path, { password: 'a password I know' })).toMatchObject({ status: 200 });
    expect(await helper.post(`${path}/disable`)).toMatchObject({ status: 200 });
    expect(await helper.post(`${path}/enable`)).toMatchObject({ status: 200 });
    expect(await helper.delete(path)).toMatchObject({ status: 204 });
  });

  it('nor a role that holds more', async () => {
    const { role } = await holderOf(admin, ['keys:write']);
    const path = `/v1/roles/${role}`;
    expectDenied(await helper.patch(path, { description: 'Mine' }));
    expectDenied(await helper.put(`${path}/permissions`, { permissions: [] }));
    expectDenied(await helper.delete(path));
  });

  it('nor a permission that such a role holds', async () => {
    const name = `${freshName('shared')}:read`;
    await admin.post('/v1/permissions', { name });
    await admin.post('/v1/roles', { name: freshName('role'), permissions: [name, 'keys:write'] });
    expectDenied(await helper.delete(`/v1/permissions/${name}`));
    expect(await admin.delete(`/v1/permissions/${name}`)).toMatchObject({ status: 204 });
  });
});

describe('an admin', () => {
  it('lacks nothing that teams add, even with an older token', async () => {
    const name = `${freshName('team')}:write`;
    await admin.post('/v1/permissions', { name });
    const { person } = await holderOf(admin, [name]);
    expect(await admin.patch(`/v1/users/${person.id}`, { displayName: 'Touched' })).toMatchObject({ status: 200 });
    const fresh = await app.admin();
    expect((await fresh.get('/v1/auth/me')).body.permissions).toContain(name);
  });
});

describe('a denied attempt', () => {
  async function denials(actorId: string, expected: number): Promise<unknown[]> {
    // The refusal does not wait for the trail, so this does.
    for (;;) {
      const rows = await app.database.query(
        `SELECT outcome, target_type, target_id, details FROM audit_events
         WHERE action = 'access.denied' AND actor_id = $1 ORDER BY id`,
        [actorId],
      );
      if (rows.length >= expected) return rows;
    }
  }

  it('enters the audit trail once, whether a route or a rule denied it', async () => {
    const person = await createPerson(admin, [helperRole]);
    const client = await logInAs(app.http, person);
    for (let n = 0; n < 5; n++) expect(await client.get('/v1/audit-events')).toMatchObject({ status: 403 });
    expectDenied(await client.post(`/v1/users/${adminId}/disable`));
    expect(await denials(person.id, 2)).toEqual([
      {
        outcome: 'denied',
        target_type: 'route',
        target_id: 'GET /v1/audit-events',
        details: { missing: ['audit:read'] },
      },
      {
        outcome: 'denied',
        target_type: 'user',
        target_id: adminId,
        details: { missing: expect.arrayContaining(['keys:write']) },
      },
    ]);
  });
});
