import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ExpiredRows } from '../src/database/expired-rows.js';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import {
  createPerson,
  refreshVerdict,
  signIn,
  signedIn,
  verdict,
  type Person,
  type SignedIn,
} from './support/people.js';
import { claimsOf, reissued } from './support/tokens.js';

let app: TestApp;
let admin: HttpClient;
let ann: Person;
let here: SignedIn;
let there: SignedIn;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});
afterAll(() => app.close());
beforeEach(async () => {
  ann = await createPerson(admin);
  [here, there] = [await signIn(app.http, ann), await signIn(app.http, ann)];
});

const sidOf = ({ accessToken }: SignedIn) => String(claimsOf(accessToken)['sid']);

async function expectEnded({ http, refreshToken }: SignedIn): Promise<void> {
  expect(await verdict(http)).toBe('401 session_ended');
  expect(await refreshVerdict(app.http, refreshToken)).toBe('401 invalid_grant');
}

async function expectAlive({ http, refreshToken }: SignedIn): Promise<void> {
  expect(await verdict(http)).toBe('accepted');
  expect(await refreshVerdict(app.http, refreshToken)).toBe('refreshed');
}

describe('logout', () => {
  it('ends the session of the Bearer token, and no other', async () => {
    const { status, body } = await here.http.post('/v1/auth/logout', {});
    expect([status, body]).toEqual([204, '']);
    await expectEnded(here);
    await expectAlive(there);
  });

  it('needs no body', async () => {
    expect((await here.http.post('/v1/auth/logout')).status).toBe(204);
    await expectEnded(here);
  });

  it('ends the session of the refresh token, without any Bearer token', async () => {
    const { status } = await app.http.post('/v1/auth/logout', { refresh_token: here.refreshToken });
    expect(status).toBe(204);
    await expectEnded(here);
    await expectAlive(there);
  });

  it('ends the session of the refresh token where both are given', async () => {
    await here.http.post('/v1/auth/logout', { refresh_token: there.refreshToken });
    await expectEnded(there);
    await expectAlive(here);
  });

  it('takes a refresh token whose access token has expired', async () => {
    const expired = await reissued(app, here.accessToken, { exp: Number(claimsOf(here.accessToken)['iat']) - 1 });
    await app.http.as(expired).post('/v1/auth/logout', { refresh_token: here.refreshToken });
    await expectEnded(here);
  });

  it('takes a refresh token that was used before: it knows its session still', async () => {
    const { body } = await app.http.post('/v1/auth/refresh', { refresh_token: here.refreshToken });
    await app.http.post('/v1/auth/logout', { refresh_token: here.refreshToken });
    await expectEnded(signedIn(app.http, body));
  });

  it('answers alike when there is nothing to end', async () => {
    for (const refresh_token of ['garbage', here.refreshToken, here.refreshToken]) {
      expect((await app.http.post('/v1/auth/logout', { refresh_token })).status).toBe(204);
    }
    const audited = await app.database.query(
      `SELECT actor_type, details FROM audit_events WHERE action = 'session.ended' AND target_id = $1`,
      [sidOf(here)],
    );
    expect(audited).toEqual([{ actor_type: 'anonymous', details: { reason: 'logout', userId: ann.id } }]);
  });

  it('says why the Bearer token is not accepted, when there is only that', async () => {
    await here.http.post('/v1/auth/logout');
    const again = await here.http.post('/v1/auth/logout');
    expect([again.status, again.body['reason']]).toEqual([401, 'session_ended']);
    expect((await app.http.post('/v1/auth/logout', {})).body['code']).toBe('token_required');
  });
});

describe('logout-all', () => {
  it("ends all of one's sessions, and nobody else's", async () => {
    const bob = await signIn(app.http, await createPerson(admin));
    expect((await here.http.post('/v1/auth/logout-all')).status).toBe(204);
    await expectEnded(here);
    await expectEnded(there);
    await expectAlive(bob);
    await expectAlive(await signIn(app.http, ann));
  });

  it('needs a token', async () => {
    expect((await app.http.post('/v1/auth/logout-all')).status).toBe(401);
  });
});

it('takes the token of a login: one that was generated about somebody neither sees nor ends their sessions', async () => {
  const order = { audience: 'http://localhost:3000', subject: ann.id, ttlSeconds: 60, permissions: [] };
  const { body } = await admin.post('/v1/tokens', order);
  const generated = app.http.as(String(body['access_token']));
  for (const answer of [
    await generated.post('/v1/auth/logout', {}),
    await generated.post('/v1/auth/logout-all'),
    await generated.get('/v1/auth/sessions'),
    await generated.delete(`/v1/auth/sessions/${sidOf(here)}`),
  ])
    expect([answer.status, (answer.body as { code?: string }).code]).toEqual([403, 'not_a_session']);
  await expectAlive(here);
});

describe("one's own sessions", () => {
  interface SessionPage {
    items: Record<string, unknown>[];
    nextCursor: string | null;
  }
  const list = (query = '') => here.http.get<SessionPage>(`/v1/auth/sessions${query}`);

  it('are listed newest first, the present one marked, without anything secret', async () => {
    const { status, body } = await list();
    expect(status).toBe(200);
    expect(body.items.map(({ id, current }) => [id, current])).toEqual([
      [sidOf(there), false],
      [sidOf(here), true],
    ]);
    expect(Object.keys(body.items[0] ?? {}).sort()).toEqual([
      'address',
      'audience',
      'clientId',
      'createdAt',
      'current',
      'device',
      'endsAt',
      'expiresAt',
      'id',
      'lastUsedAt',
      'userAgent',
    ]);
  });

  it('are listed page by page', async () => {
    const first = await list('?limit=1');
    expect(first.body.items.map(({ id }) => id)).toEqual([sidOf(there)]);
    const second = await list(`?limit=1&cursor=${String(first.body.nextCursor)}`);
    expect(second.body.items.map(({ id }) => id)).toEqual([sidOf(here)]);
    expect(second.body.nextCursor).toBeNull();
    expect((await list('?cursor=nonsense')).status).toBe(400);
  });

  it('are listed only while they are alive', async () => {
    await there.http.post('/v1/auth/logout');
    expect((await list()).body.items.map(({ id }) => id)).toEqual([sidOf(here)]);
  });

  it('can be ended one by one', async () => {
    expect((await here.http.delete(`/v1/auth/sessions/${sidOf(there)}`)).status).toBe(204);
    await expectEnded(there);
    await expectAlive(here);
    expect((await here.http.delete(`/v1/auth/sessions/${sidOf(there)}`)).status).toBe(404);
  });

  it("can be ended, others' cannot", async () => {
    const bob = await signIn(app.http, await createPerson(admin));
    for (const id of [sidOf(bob), '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', 'garbage', '%00', "'; DROP TABLE sessions"]) {
      expect((await here.http.delete(`/v1/auth/sessions/${encodeURIComponent(id)}`)).status).toBe(404);
    }
    await expectAlive(bob);
  });
});

describe('expired sessions', () => {
  it('are swept a day later, and leave no event', async () => {
    await app.database.query(`UPDATE sessions SET expires_at = clock_timestamp() - interval '25 hours' WHERE id = $1`, [
      sidOf(here),
    ]);
    const clock = 'SELECT seq FROM validity_clock';
    const before = await app.database.query(clock);
    expect(await app.nest.get(ExpiredRows).sweep('sessions')).toBe(1);
    expect(await app.database.query(clock)).toEqual(before);
    expect(await app.database.query('SELECT FROM sessions WHERE id = $1', [sidOf(here)])).toEqual([]);
    await expectAlive(there);
  });
});
