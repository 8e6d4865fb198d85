import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN, startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person } from './support/people.js';
import { timesAfterUse, timesAtStart } from './support/session-times.js';

const LIMIT = 3;
const RULES = { idle: 3600, max: 7200 };

interface Row {
  expires: number;
  ends: number | null;
  created: number;
  used: number;
}

describe('sessions of people', () => {
  let app: TestApp;
  let admin: HttpClient;
  beforeAll(async () => {
    app = await startApp({
      env: {
        PORTCULLIS_MAX_SESSIONS_PER_USER: String(LIMIT),
        PORTCULLIS_SESSION_IDLE_TTL: '1h',
        PORTCULLIS_SESSION_MAX_TTL: '2h',
      },
    });
    admin = (await signIn(app.http, ADMIN)).http;
  });
  afterAll(() => app.close());

  const times = async (sessionId: string): Promise<Row> => {
    const [row] = await app.database.query<Row>(
      `SELECT extract(epoch FROM expires_at)::float8 * 1000 AS expires, extract(epoch FROM ends_at)::float8 * 1000 AS ends,
         extract(epoch FROM created_at)::float8 * 1000 AS created, extract(epoch FROM last_used_at)::float8 * 1000 AS used
       FROM sessions WHERE id = $1`,
      [sessionId],
    );
    if (!row) throw new Error('no such session');
    return row;
  };
  const listed = async (http: HttpClient, path = '/v1/auth/sessions'): Promise<Record<string, unknown>[]> =>
    (await http.get(path)).body['items'] as Record<string, unknown>[];
  const currentOf = async (http: HttpClient): Promise<string> =>
    (await listed(http)).find(({ current }) => current)?.['id'] as string;

  it('are listed with the device, the address and the times, to their user and to whoever may read them', async () => {
    const person = await createPerson(admin);
    const { http } = await signIn(app.http, person);
    const [own] = await listed(http);
    expect(own).toMatchObject({ current: true, device: 'node', address: '127.0.0.1' });
    for (const field of ['createdAt', 'lastUsedAt', 'expiresAt', 'endsAt']) expect(own?.[field]).toMatch(/^\d{4}-.*Z$/);
    expect(await listed(admin, `/v1/users/${person.id}/sessions`)).toEqual([{ ...own, current: false }]);
    expect((await http.get(`/v1/users/${person.id}/sessions`)).status).toBe(403);
    expect((await admin.get('/v1/users/0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11/sessions')).status).toBe(404);
  });

  it('are ended one by one or all at once by whoever holds as much as their user, with the tokens', async () => {
    const person = await createPerson(admin);
    const [first, second, third] = [
      await signIn(app.http, person),
      await signIn(app.http, person),
      await signIn(app.http, person),
    ];
    const path = `/v1/users/${person.id}/sessions`;
    const id = await currentOf(first.http);
    expect((await admin.delete(`${path}/${id}`)).status).toBe(204);
    expect((await admin.delete(`${path}/${id}`)).status).toBe(404);
    expect((await admin.delete(`${path}/no-uuid`)).status).toBe(404);
    expect(await verdict(first.http)).toBe('401 session_ended');
    expect(await verdict(second.http)).toBe('accepted');
    expect((await admin.delete(path)).status).toBe(204);
    expect(await verdict(second.http)).toBe('401 session_ended');
    expect(await refreshVerdict(app.http, third.refreshToken)).toBe('401 invalid_grant');
    const events = await admin.get(`/v1/audit-events?targetId=${person.id}&action=sessions.ended`);
    expect(events.body['items']).toMatchObject([{ details: { reason: 'ended_by_admin', sessions: 2 } }]);
  });

  it('are safe from those who hold less, and from those who name another user', async () => {
    await admin.post('/v1/roles', { name: 'helpdesk', permissions: ['sessions:read', 'sessions:write'] });
    const helper = await signIn(app.http, await createPerson(admin, ['helpdesk']));
    const auditor = await createPerson(admin, ['auditor']);
    const signedIn = await signIn(app.http, auditor);
    const id = await currentOf(signedIn.http);
    for (const path of [`/v1/users/${auditor.id}/sessions`, `/v1/users/${auditor.id}/sessions/${id}`])
      expect((await helper.http.delete(path)).status).toBe(403);
    const other = await createPerson(admin);
    expect((await helper.http.delete(`/v1/users/${other.id}/sessions/${id}`)).status).toBe(404);
    expect(await verdict(signedIn.http)).toBe('accepted');
  });

  it('are no more than the limit: a login ends the one that was used longest ago', async () => {
    const person = await createPerson(admin);
    const oldest = await signIn(app.http, person);
    const idle = await signIn(app.http, person);
    const recent = await signIn(app.http, person);
    const used = await app.http.post('/v1/auth/refresh', { refresh_token: oldest.refreshToken });
    const newest = await signIn(app.http, person);
    expect(await verdict(idle.http)).toBe('401 session_ended');
    expect(await verdict(app.http.as(used.body['access_token'] as string))).toBe('accepted');
    for (const { http } of [recent, newest]) expect(await verdict(http)).toBe('accepted');
    expect(await listed(newest.http)).toHaveLength(LIMIT);
  });

  describe('end by time', () => {
    let person: Person;
    beforeAll(async () => {
      person = await createPerson(admin);
    });

    it('as the rule says, at the start and at each refresh', async () => {
      const { http, refreshToken } = await signIn(app.http, person);
      const id = await currentOf(http);
      const started = await times(id);
      const expected = timesAtStart(started.created, RULES);
      expect(Math.abs(started.expires - expected.expiresAt)).toBeLessThan(50);
      expect(Math.abs((started.ends ?? 0) - (expected.endsAt ?? 0))).toBeLessThan(50);

      // Half an hour before its end, as if it had been used all along.
      await app.database.query(
        `UPDATE sessions SET created_at = created_at - interval '90 minutes', ends_at = ends_at - interval '90 minutes' WHERE id = $1`,
        [id],
      );
      const before = await times(id);
      expect(await refreshVerdict(app.http, refreshToken)).toBe('refreshed');
      const after = await times(id);
      const rule = timesAfterUse(after.used, before.created, { expiresAt: before.expires, endsAt: before.ends }, RULES);
      expect(Math.abs(after.expires - rule.expiresAt)).toBeLessThan(50);
      expect(after.ends).toBe(before.ends);
    });

    it.each([
      ['idle', `expires_at = clock_timestamp() + interval '2.5 seconds'`],
      [
        'at its end',
        `ends_at = clock_timestamp() + interval '2.5 seconds', expires_at = clock_timestamp() + interval '2.5 seconds'`,
      ],
    ])('when %s, and no token of theirs outlives them', async (_, change) => {
      const { http, refreshToken } = await signIn(app.http, person);
      const id = await currentOf(http);
      await app.database.query(`UPDATE sessions SET ${change} WHERE id = $1`, [id]);
      const refreshed = await app.http.post('/v1/auth/refresh', { refresh_token: refreshToken });
      const { expires, ends } = await times(id);
      const claims = claimsOf(refreshed.body['access_token'] as string);
      expect(claims.exp * 1000).toBeLessThanOrEqual(Math.min(expires, ends ?? Infinity));
      await app.database.query(`UPDATE sessions SET expires_at = clock_timestamp() WHERE id = $1`, [id]);
      expect(await refreshVerdict(app.http, refreshed.body['refresh_token'] as string)).toBe('401 invalid_grant');
      expect(await verdict(app.http.as(refreshed.body['access_token'] as string))).toBe('401 session_ended');
    });
  });
});

function claimsOf(token: string): { exp: number } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
}
