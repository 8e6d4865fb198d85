import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN, logIn, startApp, type TestApp } from './support/app.js';
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
import { claimsOf, headerOf } from './support/tokens.js';

const ROUNDS = 3;

let a: TestApp;
let b: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  a = await startApp();
  b = await startApp({ database: a.database });
  admin = await a.admin();
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const sql = (statement: string, params?: unknown[]) => a.database.query(statement, params);
const sidOf = ({ accessToken }: SignedIn) => String(claimsOf(accessToken)['sid']);

/** A session whose token has been used at both instances, so that neither checks its signature again. */
async function hotSession(who: Person): Promise<SignedIn> {
  const session = await signIn(a.http, who);
  for (const { url } of [a, b]) for (let n = 0; n < 2; n++) expect(await verdict(at(url, session))).toBe('accepted');
  return session;
}

/** The session's client, at another instance. */
function at(url: string, { accessToken, http }: SignedIn): HttpClient {
  return url === http.url ? http : (url === a.url ? a : b).http.as(accessToken);
}

const atB = (session: SignedIn) => at(b.url, session);

interface Ending {
  /** How it is done at instance A, or in SQL. */
  how: string;
  end: (person: Person, session: SignedIn) => Promise<unknown>;
  reason: string;
  /** Whether the session goes on, and a refresh gives a token that is accepted. */
  sessionLives?: boolean;
  roles?: string[];
}

const ENDINGS: Ending[] = [
  { how: 'POST disable', end: ({ id }) => admin.post(`/v1/users/${id}/disable`), reason: 'user_disabled' },
  { how: 'DELETE', end: ({ id }) => admin.delete(`/v1/users/${id}`), reason: 'user_deleted' },
  {
    how: 'PATCH with a password',
    end: ({ id }) => admin.patch(`/v1/users/${id}`, { password: 'set by the admin' }),
    reason: 'credentials_changed',
  },
  {
    how: 'PATCH that asks for another password',
    end: ({ id }) => admin.patch(`/v1/users/${id}`, { mustChangePassword: true }),
    reason: 'credentials_changed',
  },
  {
    how: 'a change of the password',
    end: ({ password }, { http }) =>
      http.post('/v1/auth/password/change', { currentPassword: password, newPassword: 'violet otters juggle' }),
    reason: 'credentials_changed',
  },
  {
    how: 'PUT without the role',
    end: ({ id }) => admin.put(`/v1/users/${id}/roles`, { roles: [] }),
    reason: 'facts_changed',
    sessionLives: true,
    roles: ['auditor'],
  },
  { how: 'logout', end: (_, { http }) => http.post('/v1/auth/logout'), reason: 'session_ended' },
  { how: 'logout-all', end: (_, { http }) => http.post('/v1/auth/logout-all'), reason: 'session_ended' },
  {
    how: 'DELETE of the session',
    end: (_, session) => session.http.delete(`/v1/auth/sessions/${sidOf(session)}`),
    reason: 'session_ended',
  },
  {
    how: 'a forced expiration of the user',
    end: ({ id: key }) => admin.post('/v1/forced-expirations', { scope: 'user', key, reason: 'test' }),
    reason: 'forced_expiration',
  },
  {
    how: 'a forced expiration of the user without their sessions',
    end: ({ id: key }) =>
      admin.post('/v1/forced-expirations', { scope: 'user', key, reason: 'test', endSessions: false }),
    reason: 'forced_expiration',
    sessionLives: true,
  },
  {
    how: 'UPDATE users SET status',
    end: ({ id }) => sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, [id]),
    reason: 'user_disabled',
  },
  { how: 'DELETE FROM users', end: ({ id }) => sql('DELETE FROM users WHERE id = $1', [id]), reason: 'user_deleted' },
  {
    how: 'UPDATE users SET password_hash',
    end: ({ id }) => sql(`UPDATE users SET password_hash = 'x' WHERE id = $1`, [id]),
    reason: 'credentials_changed',
  },
  {
    how: 'UPDATE users SET password_hash = NULL',
    end: ({ id }) => sql('UPDATE users SET password_hash = NULL WHERE id = $1', [id]),
    reason: 'credentials_changed',
  },
  {
    how: 'UPDATE users SET credentials_changed_at',
    end: ({ id }) => sql('UPDATE users SET credentials_changed_at = now() WHERE id = $1', [id]),
    reason: 'credentials_changed',
  },
  {
    how: 'UPDATE users SET must_change_password',
    end: ({ id }) => sql('UPDATE users SET must_change_password = true WHERE id = $1', [id]),
    reason: 'credentials_changed',
  },
  {
    how: 'UPDATE users SET id',
    end: ({ id }) => sql('UPDATE users SET id = gen_random_uuid() WHERE id = $1', [id]),
    reason: 'credentials_changed',
  },
  {
    how: 'DELETE FROM user_roles',
    end: ({ id }) => sql('DELETE FROM user_roles WHERE user_id = $1', [id]),
    reason: 'facts_changed',
    sessionLives: true,
    roles: ['auditor'],
  },
  {
    how: 'UPDATE user_roles',
    end: ({ id }) => sql(`UPDATE user_roles SET role_name = 'admin' WHERE user_id = $1`, [id]),
    reason: 'facts_changed',
    sessionLives: true,
    roles: ['auditor'],
  },
  {
    how: 'UPDATE sessions SET revoked_at',
    end: (_, session) => sql('UPDATE sessions SET revoked_at = now() WHERE id = $1', [sidOf(session)]),
    reason: 'session_ended',
  },
  {
    how: 'DELETE FROM sessions',
    end: (_, session) => sql('DELETE FROM sessions WHERE id = $1', [sidOf(session)]),
    reason: 'session_ended',
  },
  {
    how: 'UPDATE sessions SET expires_at',
    end: (_, session) => sql('UPDATE sessions SET expires_at = now() WHERE id = $1', [sidOf(session)]),
    reason: 'session_ended',
  },
  {
    how: 'INSERT INTO forced_expirations',
    end: ({ id }) => sql(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('user', $1, 'test')`, [id]),
    reason: 'forced_expiration',
  },
  {
    how: 'a forced expiration of one token in SQL',
    end: (_, { accessToken }) =>
      sql(`INSERT INTO forced_expirations (scope, key, reason) VALUES ('token', $1, 'test')`, [
        claimsOf(accessToken)['jti'],
      ]),
    reason: 'forced_expiration',
    sessionLives: true,
  },
];

describe('the very next request at another instance is refused after', () => {
  it.each(ENDINGS)('$how', async ({ end, reason, sessionLives = false, roles = [] }) => {
    const round = async (): Promise<void> => {
      const person = await createPerson(admin, roles);
      const session = await hotSession(person);
      await end(person, session);
      expect(await verdict(atB(session))).toBe(`401 ${reason}`);
      expect(await verdict(session.http)).toBe(`401 ${reason}`);
      const { status, body } = await b.http.post('/v1/auth/refresh', { refresh_token: session.refreshToken });
      expect(status).toBe(sessionLives ? 200 : 401);
      if (sessionLives) expect(await verdict(signedIn(a.http, body).http)).toBe('accepted');
    };
    await Promise.all(Array.from({ length: ROUNDS }, round));
  });

  it('a change that ended it while a hundred requests were on their way', async () => {
    const person = await createPerson(admin);
    const session = await hotSession(person);
    const during = Array.from({ length: 100 }, () => verdict(atB(session)));
    await sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
    const after = Array.from({ length: 100 }, () => verdict(atB(session)));
    expect(new Set(await Promise.all(after))).toEqual(new Set(['401 user_disabled']));
    for (const seen of await Promise.all(during)) expect(['accepted', '401 user_disabled']).toContain(seen);
  });
});

describe('nothing ends', () => {
  it.each([
    ['an update that is rolled back', `BEGIN; UPDATE users SET status = 'disabled' WHERE id = $1; ROLLBACK`],
    [
      'an update that is rolled back to a savepoint',
      `BEGIN; SAVEPOINT s; UPDATE users SET status = 'disabled' WHERE id = $1; ROLLBACK TO s; COMMIT`,
    ],
    ['an update to the same', `UPDATE users SET status = status, password_hash = password_hash WHERE id = $1`],
    ['another name', `UPDATE users SET display_name = 'Ann', email = NULL, username = username || 'x' WHERE id = $1`],
    ['a role more', `INSERT INTO user_roles (user_id, role_name) VALUES ($1, 'auditor')`],
    ['a password that is no longer due', 'UPDATE users SET must_change_password = false WHERE id = $1'],
  ])('by %s', async (_, statement) => {
    const person = await createPerson(admin);
    const session = await hotSession(person);
    const [before] = await sql('SELECT seq FROM validity_clock');
    // As one simple query, so that a transaction in it stays on one connection.
    await sql(statement.replaceAll('$1', `'${person.id}'`));
    expect(await sql('SELECT seq FROM validity_clock')).toEqual([before]);
    expect(await verdict(atB(session))).toBe('accepted');
    expect(await refreshVerdict(b.http, session.refreshToken)).toBe('refreshed');
  });
});

describe('what has ended', () => {
  it('stays so when the user is enabled again, and new tokens are accepted', async () => {
    const person = await createPerson(admin);
    const session = await hotSession(person);
    await admin.post(`/v1/users/${person.id}/disable`);
    await admin.post(`/v1/users/${person.id}/enable`);
    expect(await verdict(atB(session))).toBe('401 user_disabled');
    expect(await refreshVerdict(b.http, session.refreshToken)).toBe('401 invalid_grant');
    const again = await signIn(b.http, person);
    expect(await verdict(again.http)).toBe('accepted');
    expect(await verdict(at(a.url, again))).toBe('accepted');
    expect(await refreshVerdict(a.http, again.refreshToken)).toBe('refreshed');
  });

  it('says that the user was disabled when the password changed in the same transaction', async () => {
    const person = await createPerson(admin);
    const session = await hotSession(person);
    await sql(`UPDATE users SET status = 'disabled', password_hash = 'x' WHERE id = $1`, [person.id]);
    expect(await verdict(atB(session))).toBe('401 user_disabled');
  });

  it('is not what begins in the same instant', async () => {
    const person = await createPerson(admin);
    for (let round = 0; round < 10; round++) {
      const session = await signIn(a.http, person);
      await sql('UPDATE users SET credentials_changed_at = now() WHERE id = $1', [person.id]);
      const next = await signIn(b.http, person);
      expect(await verdict(atB(session))).toBe('401 credentials_changed');
      expect(await verdict(at(a.url, next))).toBe('accepted');
    }
  });
});

describe('a signing key that is revoked in SQL', () => {
  it('ends all tokens at once; a new one signs, and the old one is no longer published', async () => {
    const person = await createPerson(admin);
    const session = await hotSession(person);
    const { kid } = headerOf(session.accessToken);
    const kids = async (at: TestApp) => {
      const { body } = await at.http.get<{ keys: { kid: string }[] }>('/.well-known/jwks.json');
      return body.keys.map((key) => key.kid);
    };
    expect(await kids(b)).toEqual([kid]);
    await sql(`UPDATE signing_keys SET state = 'revoked' WHERE kid = $1`, [kid]);
    expect(await verdict(atB(session))).toBe('401 key_revoked');
    expect(await verdict(session.http)).toBe('401 key_revoked');
    expect(await kids(b)).toEqual([]);

    const logins = await Promise.all(Array.from({ length: 12 }, (_, n) => signIn((n % 2 === 0 ? a : b).http, person)));
    const newKids = new Set(logins.map(({ accessToken }) => headerOf(accessToken)['kid']));
    expect(newKids.size).toBe(1);
    expect(newKids).not.toContain(kid);
    for (const login of logins) {
      expect(await verdict(atB(login))).toBe('accepted');
      expect(await verdict(at(a.url, login))).toBe('accepted');
    }
    for (const app of [a, b]) expect(await kids(app)).toEqual([...newKids]);
    // The sessions were not the thief's: they go on, under the new key.
    expect(await refreshVerdict(b.http, session.refreshToken)).toBe('refreshed');
    expect(await sql(`SELECT FROM signing_keys WHERE state = 'active'`)).toHaveLength(1);
    admin = await logIn(a.http, ADMIN);
  });
});
