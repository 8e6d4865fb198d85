import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { Answer, HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';
import { connectTo } from './support/sql-client.js';
import { until } from './support/until.js';

const ISSUER = 'http://localhost:3000';
const ORDERS = 'urn:example:orders';

let app: TestApp;
let admin: HttpClient;
let ann: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  ann = await createPerson(admin);
  await admin.post('/v1/audiences', { identifier: ORDERS, algorithm: 'RS256' });
});
afterAll(() => app.close());

type Body = Record<string, unknown>;

const generate = (body: Body, http = admin): Promise<Answer<Body>> =>
  http.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 600, ...body });

describe('a token whose generator', () => {
  it('signs out or changes the password while it is made is none', async () => {
    for (const end of ['session', 'password'] as const) {
      const { client, person, role } = await holderOf(admin, ['tokens:generate']);
      const gate = await gateOn('roles');
      const generating = generate({ audience: ORDERS, subject: 'device', roles: [role] }, client);
      await gate.reached();
      if (end === 'session') await client.post('/v1/auth/logout');
      else await app.database.query(`UPDATE users SET password_hash = 'x' WHERE id = $1`, [person.id]);
      await gate.open();
      const { status, body } = await generating;
      expect([end, status, body['code']]).toEqual([end, 401, 'invalid_token']);
      const left = await app.database.query(
        'SELECT FROM generated_tokens WHERE generated_by = $1 AND revoked_at IS NULL',
        [person.id],
      );
      expect(left).toEqual([]);
    }
  });

  it('loses a permission by a role is none, unless what was lost is no part of the right', async () => {
    const { client, role } = await holderOf(admin, ['tokens:generate', 'users:read', 'audit:read']);
    const lose = (permissions: string[]) => admin.put(`/v1/roles/${role}/permissions`, { permissions });
    await lose(['tokens:generate', 'users:read', 'keys:read']);
    await lose(['tokens:generate', 'users:read']);
    expect((await generate({ permissions: ['users:read'] }, client)).status).toBe(201);
    expect((await generate({ permissions: ['audit:read'] }, client)).status).toBe(403);
    const gate = await gateOn('roles');
    const generating = generate({ permissions: ['users:read'], roles: [role] }, client);
    await gate.reached();
    await app.database.query('DELETE FROM role_permissions WHERE role_name = $1 AND permission_name = $2', [
      role,
      'users:read',
    ]);
    await gate.open();
    expect((await generating).status).toBe(401);
  });

  it('is disabled while it is made is refused, or never made', async () => {
    for (let round = 0; round < 10; round++) {
      const person = await createPerson(admin, ['admin']);
      const { http } = await signIn(app.http, person);
      const [answer] = await Promise.all([
        generate({ subject: ann.id, permissions: ['users:read'] }, http),
        admin.post(`/v1/users/${person.id}/disable`),
      ]);
      if (answer.status !== 201) {
        expect(answer.status).toBe(401);
        continue;
      }
      expect(await verdict(app.http.as(String(answer.body['access_token'])))).toBe('401 token_revoked');
    }
  });
});

/** Holds up whoever comes to a table. */
async function gateOn(table: string): Promise<{ reached: () => Promise<void>; open: () => Promise<void> }> {
  const gate = await connectTo(app.database);
  await gate.query(`BEGIN; LOCK TABLE ${table}`);
  return {
    reached: () =>
      until('somebody waits', async () => {
        const waiting = await app.database.query('SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted', [
          table,
        ]);
        return waiting.length > 0;
      }),
    open: async () => {
      await gate.query('COMMIT');
      await gate.end();
    },
  };
}
