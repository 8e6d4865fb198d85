import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import type { Answer, HttpClient } from './support/http.js';
import {
  createPerson,
  refreshVerdict,
  signIn,
  signedIn,
  verdict,
  type Person,
  type SignedIn,
} from './support/people.js';
import { connectTo } from './support/sql-client.js';
import { claimsOf } from './support/tokens.js';
import { until } from './support/until.js';

let app: TestApp;
let other: TestApp;
let admin: HttpClient;
let ann: Person;
let session: SignedIn;

beforeAll(async () => {
  app = await startApp();
  other = await startApp({ database: app.database });
  admin = await app.admin();
});
afterAll(async () => {
  await other.close();
  await app.close();
});
beforeEach(async () => {
  ann = await createPerson(admin);
  session = await signIn(app.http, ann);
});

const sessionId = () => String(claimsOf(session.accessToken)['sid']);
const rowOf = async (id: string) => {
  const [row] = await app.database.query('SELECT * FROM sessions WHERE id = $1', [id]);
  return row ?? {};
};

function refresh(refreshToken: string, { http }: TestApp = app): Promise<Answer<Record<string, unknown>>> {
  return http.post('/v1/auth/refresh', { refresh_token: refreshToken });
}

/** The successor of a refresh token. */
async function next(refreshToken: string, at: TestApp = app): Promise<SignedIn> {
  const { status, body } = await refresh(refreshToken, at);
  if (status !== 200) throw new Error(`no refresh: ${JSON.stringify(body)}`);
  return signedIn(at.http, body);
}

/** Makes all uses of the session's refresh tokens lie further in the past. */
async function ageUses(seconds: number): Promise<void> {
  await app.database.query(
    `UPDATE sessions SET refresh_uses = ARRAY(SELECT use - make_interval(secs => $2)
     FROM unnest(refresh_uses) WITH ORDINALITY u(use, n) ORDER BY n) WHERE id = $1`,
    [sessionId(), seconds],
  );
}

describe('a refresh', () => {
  it('gives a new pair of the same session, for as long as one goes on', async () => {
    let { refreshToken } = session;
    const seen = new Set([session.accessToken, refreshToken]);
    for (let n = 0; n < 5; n++) {
      const renewed = await next(refreshToken, n % 2 === 0 ? other : app);
      expect(claimsOf(renewed.accessToken)).toMatchObject({ sub: ann.id, sid: sessionId() });
      expect(await verdict(renewed.http)).toBe('accepted');
      seen.add(renewed.accessToken).add(renewed.refreshToken);
      ({ refreshToken } = renewed);
    }
    expect(seen.size).toBe(12);
    expect(await rowOf(sessionId())).toMatchObject({ refresh_generation: 5, revoked_at: null });
  });

  it('ends neither the token before it nor any other session', async () => {
    const elsewhere = await signIn(app.http, ann);
    await next(session.refreshToken);
    expect(await verdict(session.http)).toBe('accepted');
    expect(await verdict(elsewhere.http)).toBe('accepted');
  });

  it('writes no event, and so never waits for those who do', async () => {
    const clock = 'SELECT seq FROM validity_clock';
    const before = await app.database.query(clock);
    await next(session.refreshToken);
    expect(await app.database.query(clock)).toEqual(before);
  });

  it('shows what became of the roles meanwhile', async () => {
    expect(claimsOf(session.accessToken)['roles']).toEqual([]);
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: ['auditor'] });
    const more = await next(session.refreshToken, other);
    expect(claimsOf(more.accessToken)).toMatchObject({ roles: ['auditor'] });
    expect(claimsOf(more.accessToken)['permissions']).toContain('audit:read');
    await admin.put(`/v1/users/${ann.id}/roles`, { roles: [] });
    const less = await next(more.refreshToken, other);
    expect(claimsOf(less.accessToken)).toMatchObject({ roles: [], permissions: [], scope: '' });
  });
});

describe('one refresh token', () => {
  it('gives the same successor to fifty at once, on two instances, and leaves one generation', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => refresh(session.refreshToken, n % 2 === 0 ? app : other)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1);
    expect(new Set(answers.map(({ body }) => body['access_token'])).size).toBe(50);
    expect(await rowOf(sessionId())).toMatchObject({ refresh_generation: 1, revoked_at: null });
  });

  it('gives its direct successor again within the grace window, even after further rotations', async () => {
    const second = await next(session.refreshToken);
    const third = await next(second.refreshToken);
    const fourth = await next(third.refreshToken, other);
    expect((await next(session.refreshToken, other)).refreshToken).toBe(second.refreshToken);
    expect((await next(second.refreshToken)).refreshToken).toBe(third.refreshToken);
    expect((await next(third.refreshToken)).refreshToken).toBe(fourth.refreshToken);
    expect(await rowOf(sessionId())).toMatchObject({ refresh_generation: 3, revoked_at: null });
    await next(fourth.refreshToken);
  });

  it('that comes back after the grace window ends its session, and is audited', async () => {
    const second = await next(session.refreshToken);
    await ageUses(11);
    const answer = await refresh(session.refreshToken, other);
    expect([answer.status, answer.body['code']]).toEqual([401, 'invalid_grant']);
    expect(await verdict(session.http)).toBe('401 session_ended');
    expect(await verdict(second.http)).toBe('401 session_ended');
    expect(await refreshVerdict(app.http, second.refreshToken)).toBe('401 invalid_grant');
    expect(await rowOf(sessionId())).toMatchObject({ revoked_reason: 'refresh_token_reused' });
    const audited = await app.database.query(
      `SELECT outcome, details, request_id FROM audit_events WHERE action = 'refresh_token.reused' AND target_id = $1`,
      [sessionId()],
    );
    expect(audited).toEqual([
      { outcome: 'denied', details: { userId: ann.id }, request_id: answer.headers.get('x-request-id') },
    ]);
  });

  it('that comes back within the grace window, but after many rotations, is still told from theft', async () => {
    const second = await next(session.refreshToken);
    await ageUses(9);
    const third = await next(second.refreshToken);
    expect((await next(session.refreshToken)).refreshToken).toBe(second.refreshToken);
    await ageUses(2);
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    expect(await refreshVerdict(app.http, third.refreshToken)).toBe('401 invalid_grant');
  });

  it('ends the session of whoever uses it twice where there is no grace', async () => {
    const strict = await startApp({ database: app.database, env: { PORTCULLIS_REFRESH_GRACE_SECONDS: '0' } });
    const second = await next(session.refreshToken, strict);
    const third = await next(second.refreshToken, strict);
    expect(await refreshVerdict(strict.http, session.refreshToken)).toBe('401 invalid_grant');
    expect(await refreshVerdict(strict.http, third.refreshToken)).toBe('401 invalid_grant');
    await strict.close();
  });

  it('is not forgotten to be used after more rotations than are remembered', async () => {
    await app.database.query(
      `UPDATE sessions SET refresh_generation = 1000000, refresh_hash = '\\x00', refresh_uses = '{}' WHERE id = $1`,
      [sessionId()],
    );
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
    expect(await rowOf(sessionId())).toMatchObject({ revoked_reason: 'refresh_token_reused' });
  });

  it('that is newer than the database, as after a restore, concludes nothing', async () => {
    const before = await rowOf(sessionId());
    const second = await next(session.refreshToken);
    const third = await next(second.refreshToken);
    await app.database.query(
      'UPDATE sessions SET refresh_generation = $2, refresh_hash = $3, refresh_uses = $4 WHERE id = $1',
      [sessionId(), before['refresh_generation'], before['refresh_hash'], before['refresh_uses']],
    );
    expect(await refreshVerdict(app.http, third.refreshToken)).toBe('401 invalid_grant');
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('refreshed');
  });
});

describe('what is refused', () => {
  /** The body of a genuine token of the session, under a MAC that is not the service's. */
  const forged = (token: string): string => {
    const bytes = Buffer.from(token.slice(4), 'base64url');
    randomBytes(16).copy(bytes, bytes.length - 16);
    return `prt_${bytes.toString('base64url')}`;
  };
  const older = (token: string): string => {
    const bytes = Buffer.from(token.slice(4), 'base64url');
    bytes.writeUInt32BE(7, 16);
    return `prt_${bytes.toString('base64url')}`;
  };

  it.each<[string, (token: string, accessToken: string) => string]>([
    ['garbage', () => 'garbage'],
    ['an access token', (_, accessToken) => accessToken.slice(0, 512)],
    ['a token without its prefix', (token) => token.slice(4)],
    ['a token with a line break', (token) => `${token}\n`],
    ['a token that is cut off', (token) => token.slice(0, -1)],
    ['a token that goes on', (token) => `${token}A`],
    ['a token in another alphabet', (token) => token.replaceAll('-', '+').replaceAll('_', '/')],
    ['a forged MAC', forged],
    ['another generation', older],
    ['random bytes', () => `prt_${randomBytes(68).toString('base64url')}`],
  ])('is %s, and it ends nothing', async (_, make) => {
    const { status, body } = await refresh(make(session.refreshToken, session.accessToken));
    expect([status, body['code']]).toEqual([401, 'invalid_grant']);
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('refreshed');
  });

  it.each([
    ['nothing', {}],
    ['an empty text', { refresh_token: '' }],
    ['no text', { refresh_token: ['prt_'] }],
    ['too long a text', { refresh_token: 'p'.repeat(513) }],
    ['another field', { refreshToken: 'prt_' }],
  ])('is %s, as a request that makes no sense', async (_, body) => {
    expect((await app.http.post('/v1/auth/refresh', body)).status).toBe(400);
  });

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['was disabled', (id) => admin.post(`/v1/users/${id}/disable`)],
    ['was deleted', (id) => admin.delete(`/v1/users/${id}`)],
    ['got another password', (id) => admin.patch(`/v1/users/${id}`, { password: 'set by the admin' })],
    [
      'was disabled and enabled',
      (id) => admin.post(`/v1/users/${id}/disable`).then(() => admin.post(`/v1/users/${id}/enable`)),
    ],
  ])('is the token of a user who %s', async (_, change) => {
    const second = await next(session.refreshToken);
    await change(ann.id);
    for (const token of [second.refreshToken, session.refreshToken]) {
      expect(await refreshVerdict(other.http, token)).toBe('401 invalid_grant');
    }
  });

  it.each([
    ['has expired', `expires_at = clock_timestamp() - interval '1 second'`],
    ['has ended', 'revoked_at = clock_timestamp()'],
    ['is of another epoch', 'session_epoch = session_epoch + 1'],
  ])('is the token of a session that %s', async (_, change) => {
    await app.database.query(`UPDATE sessions SET ${change} WHERE id = $1`, [sessionId()]);
    expect(await refreshVerdict(app.http, session.refreshToken)).toBe('401 invalid_grant');
  });
});

describe('a refresh during which', () => {
  /** Holds three refreshes up where they wait for `lock`, makes the change, and lets them go on. */
  async function heldUp(lock: string, change: string): Promise<Answer<Record<string, unknown>>[]> {
    const gate = await connectTo(app.database);
    await gate.query(`BEGIN; ${lock}`);
    const refreshes = [app, other, app].map((at) => refresh(session.refreshToken, at));
    await until('each waits for the lock', async () => {
      const waiting = await app.database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length === refreshes.length;
    });
    await gate.query(`${change}; COMMIT`);
    await gate.end();
    return Promise.all(refreshes);
  }

  const disable = () => `UPDATE users SET status = 'disabled' WHERE id = '${ann.id}'`;
  const holdRow = () => `SELECT FROM sessions WHERE id = '${sessionId()}' FOR UPDATE`;
  const holdFacts = () => 'LOCK TABLE user_roles';

  it.each<[string, () => string, () => string]>([
    ['the session ends', holdRow, () => `UPDATE sessions SET revoked_at = now() WHERE id = '${sessionId()}'`],
    ['the session is deleted', holdRow, () => `DELETE FROM sessions WHERE id = '${sessionId()}'`],
    ['the user is disabled', holdRow, disable],
    ['the user is disabled after the rotation', holdFacts, disable],
    ['the user is deleted after the rotation', holdFacts, () => `DELETE FROM users WHERE id = '${ann.id}'`],
  ])('%s gives nothing', async (_, lock, change) => {
    for (const { status, body } of await heldUp(lock(), change())) {
      expect([status, body['code']]).toEqual([401, 'invalid_grant']);
    }
  });

  it('nothing happens gives all the same', async () => {
    const answers = await heldUp(holdRow(), 'SELECT 1');
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1);
  });
});

describe('the life of a session', () => {
  it('is prolonged by each refresh, and never shortened by a configuration', async () => {
    const short = await startApp({ database: app.database, env: { PORTCULLIS_REFRESH_TOKEN_TTL: '60' } });
    const clock = 'SELECT seq FROM validity_clock';
    const [before, seq] = [await rowOf(sessionId()), await app.database.query(clock)];
    const second = await next(session.refreshToken, short);
    expect(await rowOf(sessionId())).toMatchObject({ expires_at: before['expires_at'] });
    await next(second.refreshToken);
    const { expires_at: after } = await rowOf(sessionId());
    expect((after as Date).getTime()).toBeGreaterThan((before['expires_at'] as Date).getTime());
    expect(await app.database.query(clock)).toEqual(seq);
    await short.close();
  });

  it('limits that of its last access token', async () => {
    const brief = await startApp({ database: app.database, env: { PORTCULLIS_REFRESH_TOKEN_TTL: '20' } });
    const { accessToken } = await signIn(brief.http, ann);
    const { exp, iat } = claimsOf(accessToken) as { exp: number; iat: number };
    expect(exp - iat).toBeLessThanOrEqual(20);
    await brief.close();
  });
});
