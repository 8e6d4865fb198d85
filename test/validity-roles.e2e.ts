import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, signedIn, verdict, type Person, type SignedIn } from './support/people.js';
import { claimsOf } from './support/tokens.js';

let a: TestApp;
let b: TestApp;
let admin: HttpClient;
let role: string;
let ann: Person;
let session: SignedIn;

beforeAll(async () => {
  a = await startApp();
  b = await startApp({ database: a.database });
  admin = await a.admin();
});
afterAll(async () => {
  await b.close();
  await a.close();
});

let roles = 0;
beforeEach(async () => {
  role = `support-${(roles++).toString()}`;
  await admin.post('/v1/roles', { name: role, permissions: ['users:read', 'roles:read'] });
  ann = await createPerson(admin, [role]);
  session = await signIn(a.http, ann);
  for (const path of ['/v1/users', '/v1/roles', '/v1/auth/me'])
    expect(await verdict(atB(session), path)).toBe('accepted');
});

const sql = (statement: string, params?: unknown[]) => a.database.query(statement, params);
const atB = ({ accessToken }: SignedIn) => b.http.as(accessToken);
const setPermissions = (permissions: string[]) => admin.put(`/v1/roles/${role}/permissions`, { permissions });
const refreshed = async () => {
  const { body } = await b.http.post('/v1/auth/refresh', { refresh_token: session.refreshToken });
  return signedIn(b.http, body);
};

/** Requests that need what is gone get 401 and find out by a refresh; all others pass. */
async function expectStripped(gone: string[], left: string[]): Promise<void> {
  for (const path of gone) {
    const { status, headers, body } = await atB(session).get(path);
    expect([status, body['code'], body['reason']]).toEqual([401, 'invalid_token', 'role_changed']);
    expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  }
  for (const path of [...left, '/v1/auth/me']) expect(await verdict(atB(session), path)).toBe('accepted');
  const renewed = await refreshed();
  for (const path of gone) expect(await verdict(renewed.http, path)).toBe('403 insufficient_scope');
  for (const path of left) expect(await verdict(renewed.http, path)).toBe('accepted');
}

describe('a permission taken from a role', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['PUT', () => setPermissions(['roles:read'])],
    [
      'DELETE in SQL',
      () => sql(`DELETE FROM role_permissions WHERE role_name = $1 AND permission_name = 'users:read'`, [role]),
    ],
    [
      'UPDATE in SQL',
      () =>
        sql(
          `UPDATE role_permissions SET permission_name = 'audit:read' WHERE role_name = $1 AND permission_name = 'users:read'`,
          [role],
        ),
    ],
  ])('by %s strips it from older tokens, and nothing else', async (_, take) => {
    await take();
    await expectStripped(['/v1/users'], ['/v1/roles']);
  });

  it('and given back is there in new tokens, not in old ones', async () => {
    await setPermissions(['roles:read']);
    await setPermissions(['roles:read', 'users:read']);
    expect(await verdict(atB(session), '/v1/users')).toBe('401 role_changed');
    expect(await verdict((await refreshed()).http, '/v1/users')).toBe('accepted');
  });

  it('is counted as a refusal', async () => {
    const counted = async (): Promise<number> => {
      const { body } = await b.http.get<string>('/metrics');
      return Number(/^portcullis_token_refusals_total\{reason="role_changed"\} (\d+)$/m.exec(body)?.[1] ?? 0);
    };
    await setPermissions(['roles:read']);
    const before = await counted();
    expect(await verdict(atB(session), '/v1/users')).toBe('401 role_changed');
    expect(await counted()).toBe(before + 1);
  });

  it('shows in what the token may still do', async () => {
    await setPermissions(['roles:read']);
    const { body } = await atB(session).get('/v1/auth/me');
    expect(body).toMatchObject({ roles: [role], permissions: ['roles:read'] });
  });

  it('does not touch tokens that have it from another role as well, once they are renewed', async () => {
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: [role, 'auditor'] });
    session = await refreshed();
    await setPermissions(['roles:read']);
    expect(await verdict(atB(session), '/v1/users')).toBe('401 role_changed');
    expect(await verdict((await refreshed()).http, '/v1/users')).toBe('accepted');
  });
});

describe('a role that goes', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['by DELETE', () => admin.delete(`/v1/roles/${role}`)],
    ['by DELETE in SQL', () => sql('DELETE FROM roles WHERE name = $1', [role])],
  ])('%s strips itself and its permissions, without an event for each member', async (_, end) => {
    await end();
    expect(await sql(`SELECT FROM validity_events WHERE kind = 'user_facts' AND key = $1`, [ann.id])).toEqual([]);
    const { body } = await atB(session).get('/v1/auth/me');
    expect(body).toMatchObject({ roles: [], permissions: [] });
    await expectStripped(['/v1/users', '/v1/roles'], []);
  });

  it('by another name in SQL strips the old name, and new tokens have the new one', async () => {
    await sql(`UPDATE roles SET name = name || '-renamed' WHERE name = $1`, [role]);
    expect(await verdict(atB(session), '/v1/users')).toBe('401 role_changed');
    expect(await verdict(atB(session))).toBe('accepted');
    const renewed = await refreshed();
    expect(claimsOf(renewed.accessToken)['roles']).toEqual([`${role}-renamed`]);
    expect(await verdict(renewed.http, '/v1/users')).toBe('accepted');
  });

  it('strips nothing from those who never had it', async () => {
    const bob = await signIn(a.http, await createPerson(admin, ['auditor']));
    await admin.delete(`/v1/roles/${role}`);
    expect(await verdict(atB(bob), '/v1/users')).toBe('accepted');
  });
});

describe('what comes', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a permission for the role', () => setPermissions(['users:read', 'roles:read', 'audit:read'])],
    ['a role for the user', () => admin.put(`/v1/users/${ann.id}/roles`, { roles: [role, 'auditor'] })],
    ['a new permission', () => admin.post('/v1/permissions', { name: `billing-${role}:read` })],
    ['a description', () => admin.patch(`/v1/roles/${role}`, { description: 'Helps' })],
  ])('leaves no event and ends no token: %s', async (_, add) => {
    const [before] = await sql('SELECT seq FROM validity_clock');
    const answer = (await add()) as { status: number };
    expect([200, 201]).toContain(answer.status);
    expect(await sql('SELECT seq FROM validity_clock')).toEqual([before]);
    expect(await verdict(atB(session), '/v1/users')).toBe('accepted');
  });
});
