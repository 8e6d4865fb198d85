import type { HttpClient } from '../../support/http.js';
import { createPerson, refreshVerdict, signIn, verdict, type Person, type SignedIn } from '../../support/people.js';

/** Whose lives a backup cuts in two. */
export interface People {
  disabled: Person;
  loggedOut: Person;
  changed: Person;
  forced: Person;
  staying: Person;
}

export interface AfterBackup {
  /** Access tokens from after the backup, each ended before the disaster. */
  ended: string[];
  /** Access tokens from before and after the backup that were good until the disaster. */
  good: string[];
  /** Refresh tokens from before and after the backup, the newest ones of their sessions. */
  refreshTokens: string[];
  /** Known to the backup as unused, and used since. */
  usedRefreshToken: string;
}

const NEW_PASSWORD = 'violet otters juggle lanterns';

export async function createPeople(admin: HttpClient): Promise<People> {
  return {
    disabled: await createPerson(admin),
    loggedOut: await createPerson(admin),
    changed: await createPerson(admin),
    forced: await createPerson(admin),
    staying: await createPerson(admin),
  };
}

/**
 * What happens between the backup and the disaster.
 *
 * @param http without a token
 * @param atBackup the session, at the time of the backup, of the one who stays
 */
export async function liveOn(
  { http, admin }: { http: HttpClient; admin: HttpClient },
  people: People,
  atBackup: SignedIn,
): Promise<AfterBackup> {
  const sessions = {
    disabled: await signIn(http, people.disabled),
    loggedOut: await signIn(http, people.loggedOut),
    changed: await signIn(http, people.changed),
    forced: await signIn(http, people.forced),
    staying: await signIn(http, people.staying),
  };
  const rotated = await succeed(http.post('/v1/auth/refresh', { refresh_token: atBackup.refreshToken }));
  await succeed(admin.post(`/v1/users/${people.disabled.id}/disable`));
  await succeed(sessions.loggedOut.http.post('/v1/auth/logout'));
  const changed = await succeed(
    sessions.changed.http.post('/v1/auth/password/change', {
      currentPassword: people.changed.password,
      newPassword: NEW_PASSWORD,
    }),
  );
  await succeed(admin.post('/v1/forced-expirations', { scope: 'user', key: people.forced.id, reason: 'drill' }));
  const ended = [sessions.disabled, sessions.loggedOut, sessions.changed, sessions.forced];
  return {
    ended: ended.map(({ accessToken }) => accessToken),
    good: [
      atBackup.accessToken,
      sessions.staying.accessToken,
      String(rotated['access_token']),
      String(changed['access_token']),
    ],
    refreshTokens: [sessions.staying.refreshToken, String(rotated['refresh_token']), String(changed['refresh_token'])],
    usedRefreshToken: atBackup.refreshToken,
  };
}

export const verdictsOn = (http: HttpClient, tokens: readonly string[]): Promise<string[]> =>
  Promise.all(tokens.map((token) => verdict(http.as(token))));

export const refreshVerdictsOn = (http: HttpClient, tokens: readonly string[]): Promise<string[]> =>
  Promise.all(tokens.map((token) => refreshVerdict(http, token)));

async function succeed(
  sent: Promise<{ status: number; body: Record<string, unknown> }>,
): Promise<Record<string, unknown>> {
  const { status, body } = await sent;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}
