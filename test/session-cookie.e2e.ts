import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REFRESH_COOKIE } from '../src/auth/session-cookie.js';
import { startApp, type TestApp } from './support/app.js';
import { createPerson, verdict, type Person } from './support/people.js';
import { claimsOf } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const OWN_PAGE = { origin: ISSUER };

interface Answer {
  status: number;
  body: Record<string, unknown>;
  setCookie: string | null;
  /** As the browser sends it. */
  cookie: string;
}

describe('a browser that keeps its refresh token in a cookie', () => {
  let app: TestApp;
  let person: Person;
  beforeAll(async () => {
    app = await startApp({
      env: { PORTCULLIS_ISSUER: ISSUER, PORTCULLIS_CORS_ORIGINS: 'https://app.example.org' },
    });
    person = await createPerson(await app.admin());
  });
  afterAll(() => app.close());

  const send = async (path: string, headers: Record<string, string>, body?: object): Promise<Answer> => {
    const response = await fetch(`${app.url}${path}`, {
      method: 'POST',
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const setCookie = response.headers.get('set-cookie');
    return {
      status: response.status,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      setCookie,
      cookie: setCookie?.split(';')[0] ?? '',
    };
  };
  const login = (headers: Record<string, string> = OWN_PAGE): Promise<Answer> =>
    send('/v1/auth/login', headers, { username: person.username, password: person.password, mode: 'cookie' });
  const refresh = (cookie: string, headers: Record<string, string> = OWN_PAGE): Promise<Answer> =>
    send('/v1/auth/refresh', { ...headers, cookie });

  it('gets one that no script, no other host and no plain connection sees, and no refresh token beside it', async () => {
    const { status, body, setCookie } = await login();
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
    const [value, ...attributes] = (setCookie ?? '').split('; ');
    expect(value).toMatch(new RegExp(`^${REFRESH_COOKIE}=prt_`));
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=2592000', 'Path=/', 'SameSite=Strict', 'Secure']);
  });

  it('refreshes and logs out by it', async () => {
    const first = await login();
    const second = await refresh(first.cookie);
    expect(second.status).toBe(200);
    expect(second.body).not.toHaveProperty('refresh_token');
    expect(second.cookie).not.toBe(first.cookie);
    const http = app.http.as(second.body['access_token'] as string);
    expect(await verdict(http)).toBe('accepted');

    const out = await send('/v1/auth/logout', { ...OWN_PAGE, cookie: second.cookie });
    expect(out.status).toBe(204);
    expect(out.setCookie).toMatch(new RegExp(`^${REFRESH_COOKIE}=; Max-Age=0;`));
    expect(await verdict(http)).toBe('401 session_ended');
    expect(await refresh(second.cookie)).toMatchObject({ status: 401, body: { code: 'invalid_grant' } });
  });

  it.each<[string, (first: Answer, sid: string) => Promise<string>]>([
    ['is nothing', () => Promise.resolve(`${REFRESH_COOKIE}=prt_nothing`)],
    [
      'is of a session that has ended',
      async ({ cookie }, sid) => {
        await app.database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [sid]);
        return cookie;
      },
    ],
    [
      'is of a session that has expired',
      async ({ cookie }, sid) => {
        await app.database.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid]);
        return cookie;
      },
    ],
    [
      'was used long ago',
      async ({ cookie }, sid) => {
        await refresh(cookie);
        await app.database.query(
          `UPDATE sessions SET refresh_uses = ARRAY[now() - interval '1 hour'], created_at = now() - interval '1 day' WHERE id = $1`,
          [sid],
        );
        return cookie;
      },
    ],
  ])('is not left with one that %s', async (_, prepare) => {
    const first = await login();
    const cookie = await prepare(first, String(claimsOf(String(first.body['access_token']))['sid']));
    const refused = await refresh(cookie);
    expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_grant' } });
    expect(refused.setCookie).toBe(`${REFRESH_COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`);
  });

  it('keeps it when only this request cannot be answered, and what it was sent in the body is not in the cookie', async () => {
    const { cookie } = await login();
    const unknown = await send('/v1/auth/refresh', { ...OWN_PAGE, cookie }, { audience: ['https://nobody.example'] });
    expect(unknown).toMatchObject({ status: 400, setCookie: null });
    await app.database.query('ALTER TABLE sessions RENAME COLUMN refresh_hash TO refresh_hash_away');
    const failed = await refresh(cookie);
    await app.database.query('ALTER TABLE sessions RENAME COLUMN refresh_hash_away TO refresh_hash');
    expect(failed).toMatchObject({ status: 500, setCookie: null });
    const other = await send('/v1/auth/refresh', { ...OWN_PAGE, cookie }, { refresh_token: 'prt_nothing' });
    expect(other).toMatchObject({ status: 401, setCookie: null });
    expect((await refresh(cookie)).status).toBe(200);
  });

  it('ends the session whose cookie a new login replaces, and no other', async () => {
    const [elsewhere, first] = [await login(), await login()];
    const again = await send(
      '/v1/auth/login',
      { ...OWN_PAGE, cookie: first.cookie },
      { username: person.username, password: person.password, mode: 'cookie' },
    );
    expect(again.status).toBe(200);
    const verdictOf = ({ body }: Answer) => verdict(app.http.as(body['access_token'] as string));
    expect([await verdictOf(first), await verdictOf(again), await verdictOf(elsewhere)]).toEqual([
      '401 session_ended',
      'accepted',
      'accepted',
    ]);
  });

  it.each<[string, Record<string, string>, number]>([
    ['the issuer', OWN_PAGE, 200],
    ['the issuer, without Origin', { 'sec-fetch-site': 'same-origin' }, 200],
    ['a neighbour below the same domain', { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-site' }, 403],
    ['an origin that may call the API with tokens', { origin: 'https://app.example.org' }, 403],
    ['a page without an origin', { origin: 'null', 'sec-fetch-site': 'same-origin' }, 403],
    ['somewhere that does not say', {}, 403],
  ])('is answered only on a page of the issuer: %s', async (_, headers, expected) => {
    const { cookie } = await login();
    const foreign = { status: 403, body: { code: 'foreign_page' }, setCookie: null };
    const refused = expected === 403 ? foreign : {};
    expect(await login(headers)).toMatchObject({ status: expected, ...refused });
    expect(await refresh(cookie, headers)).toMatchObject({ status: expected, ...refused });
    if (expected !== 403) return;
    expect(await send('/v1/auth/logout', { ...headers, cookie })).toMatchObject(foreign);
    expect((await refresh(cookie)).status).toBe(200);
  });

  it('keeps the mode when the password changes, and needs none of it for a refresh token in the body', async () => {
    const { body } = await login();
    const changed = await send(
      '/v1/auth/password/change',
      { ...OWN_PAGE, authorization: `Bearer ${body['access_token'] as string}` },
      { currentPassword: person.password, newPassword: `another ${person.password}`, mode: 'cookie' },
    );
    expect(changed).toMatchObject({ status: 200, cookie: expect.stringContaining('prt_') as unknown });
    expect(changed.body).not.toHaveProperty('refresh_token');
    person = { ...person, password: `another ${person.password}` };

    const plain = await app.http.post('/v1/auth/login', { username: person.username, password: person.password });
    const given = { refresh_token: plain.body['refresh_token'] };
    const refreshed = await send('/v1/auth/refresh', { cookie: changed.cookie }, given);
    expect(refreshed).toMatchObject({ status: 200, setCookie: null });
    expect(refreshed.body['refresh_token']).toMatch(/^prt_/);
    expect(await send('/v1/auth/refresh', OWN_PAGE)).toMatchObject({
      status: 400,
      body: { code: 'validation_failed' },
    });
  });
});
