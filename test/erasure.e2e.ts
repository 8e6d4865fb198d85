import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn } from './support/people.js';

describe.each<[string, (app: TestApp, admin: HttpClient, id: string) => Promise<unknown>]>([
  ['over HTTP', (_, admin, id) => admin.delete(`/v1/users/${id}`)],
  ['in SQL', (app, _, id) => app.database.query('DELETE FROM users WHERE id = $1', [id])],
])('a user who is deleted %s', (_, erase) => {
  let app: TestApp;
  let admin: HttpClient;
  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
  });
  afterAll(() => app.close());

  it('leaves the id in the audit trail, and nothing else: no name, address or session', async () => {
    const person = await createPerson(admin);
    await app.http.post('/v1/auth/login', { username: person.username, password: 'a wrong password' });
    await signIn(app.http, person);
    await erase(app, admin, person.id);
    const rows = await app.database.query<{ action: string; row: string; actor: string; address: string | null }>(
      `SELECT action, actor_type AS actor, address, row_to_json(e)::text AS row FROM audit_events e WHERE $1 IN (actor_id, target_id)`,
      [person.id],
    );
    expect(rows.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['user.created', 'login.failed', 'login.succeeded']),
    );
    for (const { row, action, address } of rows) {
      expect(row).not.toContain(person.username);
      // What an administrator did to them says where the administrator was.
      if (!action.startsWith('user.')) expect(address).toBeNull();
    }
    expect(await app.database.query('SELECT FROM sessions WHERE user_id = $1', [person.id])).toEqual([]);
    const kept = await app.database.query<{ row: string }>(
      `SELECT row_to_json(q)::text AS row FROM quarantined_names q`,
    );
    expect(kept).toHaveLength(1);
    expect(kept[0]?.row).not.toContain(person.username);
  });

  it('keeps the name from others until the quarantine is over', async () => {
    const person = await createPerson(admin);
    const other = await createPerson(admin);
    await erase(app, admin, person.id);
    const again = { username: person.username.toUpperCase(), email: 'somebody.else@example.org' };
    const quarantined = { status: 409, body: { code: 'username_quarantined' } };
    expect(await admin.post('/v1/users', again)).toMatchObject(quarantined);
    expect(await admin.patch(`/v1/users/${other.id}`, { username: person.username })).toMatchObject(quarantined);
    expect((await admin.patch(`/v1/users/${other.id}`, { displayName: 'Other' })).status).toBe(200);

    await app.database.query(`UPDATE quarantined_names SET expires_at = clock_timestamp() - interval '2 days'`);
    expect((await admin.post('/v1/users', again)).status).toBe(201);
    expect(await app.nest.get(ExpiredRows).sweep('quarantined_names')).toBeGreaterThan(0);
  });
});
