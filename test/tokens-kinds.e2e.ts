import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { inTransaction } from '../src/database/transaction.js';
import { SingleUseTokens } from '../src/tokens/single-use-tokens.js';
import { startApp, type TestApp } from './support/app.js';
import { holderOf } from './support/holders.js';
import type { HttpClient } from './support/http.js';
import { createPerson, signIn, verdict, type Person } from './support/people.js';
import { reissued } from './support/tokens.js';

const ISSUER = 'http://localhost:3000';
const KINDS = [
  'access',
  'generated',
  'refresh',
  'change',
  'singleUse',
  'broker',
  'other audience',
  'secret audience',
] as const;
type Kind = (typeof KINDS)[number];

let app: TestApp;
let admin: HttpClient;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  await admin.post('/v1/audiences', { identifier: 'urn:other', algorithm: 'RS256' });
  await admin.post('/v1/audiences', { identifier: 'urn:secret', algorithm: 'HS256' });
});
afterAll(() => app.close());

async function generated(body: object): Promise<string> {
  const answer = await admin.post('/v1/tokens', { audience: ISSUER, ttlSeconds: 600, ...body });
  return String(answer.body['access_token']);
}

async function changeToken(): Promise<string> {
  const person = await createPerson(admin);
  await app.database.query('UPDATE users SET must_change_password = true WHERE id = $1', [person.id]);
  const { username, password } = person;
  return String((await app.http.post('/v1/auth/login', { username, password })).body['changeToken']);
}

async function singleUse({ id }: Person): Promise<string> {
  const order = { purpose: 'reset', userId: id, sessionEpoch: '0', ttlSeconds: 600 };
  return inTransaction(app.nest.get(DataSource), (manager) => app.nest.get(SingleUseTokens).issue(manager, order));
}

/** One of every kind, fresh. */
async function oneOf(kind: Kind): Promise<string> {
  const person = (await holderOf(admin, ['tokens:generate'])).person;
  const { username, password } = person;
  const signedIn = () => signIn(app.http, person);
  switch (kind) {
    case 'access':
      return (await signedIn()).accessToken;
    case 'generated':
      return generated({ permissions: ['users:read'] });
    case 'refresh':
      return (await signedIn()).refreshToken;
    case 'change':
      return changeToken();
    case 'singleUse':
      return singleUse(person);
    case 'broker': {
      const request = { username, password, ttlSeconds: 600, permissions: { all: ['/*'] } };
      return String((await app.http.post('/token/generate', request)).body['response']);
    }
    case 'other audience':
      return generated({ audience: 'urn:other' });
    case 'secret audience':
      return generated({ audience: 'urn:secret' });
  }
}

/** Wherever some kind of token is taken: whether this one is. */
const DOORS: Record<string, (token: string) => Promise<boolean>> = {
  guard: async (token) => (await verdict(app.http.as(token))) === 'accepted',
  refresh: async (token) => (await app.http.post('/v1/auth/refresh', { refresh_token: token })).status === 200,
  'oauth refresh': async (token) => {
    const body = `grant_type=refresh_token&refresh_token=${token}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return (await app.http.raw('POST', '/oauth/token', body, { headers })).status === 200;
  },
  'password change': async (token) => {
    const body = { changeToken: token, newPassword: 'violet otters juggle lanterns' };
    return (await app.http.post('/v1/auth/password/change', body)).status === 200;
  },
  reset: async (token) =>
    (await inTransaction(app.nest.get(DataSource), (manager) =>
      app.nest.get(SingleUseTokens).consume(manager, 'reset', token),
    )) !== null,
  broker: async (token) =>
    (await admin.post('/v1/tokens/check', { token, action: 'pub', subject: '/a' })).body['allowed'] === true,
};

const TAKEN: Record<string, readonly Kind[]> = {
  guard: ['access', 'generated'],
  refresh: ['refresh'],
  'oauth refresh': ['refresh'],
  'password change': ['change'],
  reset: ['singleUse'],
  broker: ['broker'],
};

describe.each(KINDS)('a token of the kind "%s"', (kind) => {
  it.each(Object.keys(DOORS))('is taken only where it belongs: at "%s"', async (door) => {
    const taken = await DOORS[door]?.(await oneOf(kind));
    expect([kind, door, taken]).toEqual([kind, door, TAKEN[door]?.includes(kind)]);
  });
});

describe('a token signed by the service’s own key', () => {
  it.each<[string, object, object, string]>([
    ['a broker’s type', { typ: 'broker+jwt' }, {}, '401 wrong_type'],
    ['no type', { typ: undefined }, {}, '401 wrong_type'],
    ['the type JWT', { typ: 'JWT' }, {}, '401 wrong_type'],
    ['the type of a change token', { typ: 'password-change+jwt' }, {}, '401 wrong_type'],
    ['a broker’s permissions', {}, { permissions: { sub: [], pub: [], all: ['/*'] } }, '401 malformed'],
    ['another issuer', {}, { iss: 'http://localhost:3001' }, '401 wrong_issuer'],
    ['a broker’s audience', {}, { aud: 'urn:portcullis:broker' }, '401 wrong_audience'],
  ])('with %s is no access token', async (_, header, claims, refusal) => {
    const { accessToken } = await signIn(app.http, await createPerson(admin));
    const token = await reissued(
      app,
      accessToken,
      claims as Record<string, unknown>,
      header as Record<string, unknown>,
    );
    expect(await verdict(app.http.as(token))).toBe(refusal);
  });

  it('with an access token’s type and subjects is no broker’s token either', async () => {
    const broker = await oneOf('broker');
    for (const [header, claims] of [
      [{ typ: 'at+jwt' }, {}],
      [{}, { permissions: ['users:read'] }],
      [{}, { permissions: undefined }],
    ] as Record<string, unknown>[][]) {
      const token = await reissued(app, broker, claims ?? {}, header ?? {});
      expect(await DOORS['broker']?.(token)).toBe(false);
    }
  });
});
