import { request as forward } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { VerifierOptions } from '@portcullis/verifier';
import { startIssuer, type FakeIssuer } from '@portcullis/verifier/testing';
import { startApp, type TestApp } from '../support/app.js';
import { Front, LocalServer } from '../support/front.js';
import { GUARDED_BACKENDS, ORDERS_READ, type GuardedBackend } from '../support/guarded-backends.js';
import { HttpClient } from '../support/http.js';
import {
  basic,
  clientToken,
  createAudience,
  createClient,
  introspect,
  type RegisteredClient,
} from '../support/oauth.js';
import { createPerson, type Person } from '../support/people.js';
import { claimsOf, headerOf } from '../support/tokens.js';
import { until } from '../support/until.js';

let front: Front;
let app: TestApp;
let admin: HttpClient;
let audience: string;
let client: RegisteredClient;
/** By which the backends reach the issuer; the feed can be cut here. */
let gate: LocalServer;
let isCut = false;

beforeAll(async () => {
  front = await Front.open();
  app = await startApp({ env: { PORTCULLIS_ISSUER: front.issuer } });
  front.target = app.url;
  gate = await LocalServer.listen((request, response) => {
    const { url = '', method, headers } = request;
    if (isCut && url.startsWith('/v1/validity/')) {
      response.destroy();
      return;
    }
    const onward = forward(app.url + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  admin = await app.admin();
  audience = await createAudience(admin);
  client = await createClient(admin, { permissions: ['validity:read'], audiences: [audience] });
  await admin.post('/v1/permissions', { name: ORDERS_READ });
});
afterAll(async () => {
  await gate.close();
  await front.close();
  await app.close();
});

const options = (): VerifierOptions => ({
  issuer: front.issuer,
  urls: [gate.url],
  audience,
  ...client,
  maxStaleness: 400,
  onNotice: () => undefined,
});

async function tokenOf({ username, password }: Person): Promise<string> {
  const { body } = await app.http.post('/v1/auth/login', { username, password, audience: [audience] });
  return String(body['access_token']);
}

/** A role of its own that may read orders, and somebody who has it. */
async function reader(): Promise<{ role: string; person: Person; token: string }> {
  const role = `readers-${Math.random().toString(36).slice(2)}`;
  await admin.post('/v1/roles', { name: role, permissions: [ORDERS_READ] });
  const person = await createPerson(admin, [role]);
  return { role, person, token: await tokenOf(person) };
}

describe.each(GUARDED_BACKENDS)('a backend with %s', (_, start) => {
  let backend: GuardedBackend;
  let http: HttpClient;

  beforeAll(async () => {
    backend = await start(options());
    http = new HttpClient(backend.url);
  });
  afterAll(() => backend.close());

  /** Status, and reason or code. */
  async function said(path: string, token: string): Promise<string> {
    const { status, body } = await http.as(token).get(path);
    return status === 200 ? '200' : `${status} ${String(body['reason'] ?? body['code'])}`;
  }

  it('lets pass whom it should, and tells the others why not', async () => {
    const { person, token } = await reader();
    expect((await http.get('/open')).status).toBe(200);
    for (const path of ['/me', '/orders', '/asked']) {
      expect(await http.as(token).get(path)).toMatchObject({ status: 200, body: { subject: person.id } });
    }
    const none = await http.get('/me');
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, `Bearer realm="${audience}"`]);
    expect(none.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const bad = await http.as(`${token.slice(0, -8)}AAAAAAAA`).get('/me');
    expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(bad.body).not.toHaveProperty('reason');
    const ofTheIssuer = await app.http.post('/v1/auth/login', { username: person.username, password: person.password });
    expect(await said('/me', String(ofTheIssuer.body['access_token']))).toBe('401 wrong_audience');
    const lacking = await http.as(await tokenOf(await createPerson(admin))).get('/orders');
    expect([lacking.status, lacking.headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer error="insufficient_scope", scope="${ORDERS_READ}"`,
    ]);
    expect(await said('/admin', token)).toBe('403 insufficient_scope');
  });

  it('refuses a user a moment after he was disabled', async () => {
    const { person, token } = await reader();
    expect(await said('/orders', token)).toBe('200');
    await app.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
    const since = performance.now();
    await until('the disabled user is refused', async () => (await said('/orders', token)) !== '200');
    console.log(`from commit to refusal: ${(performance.now() - since).toFixed(1)} ms (target 100 ms)`);
    expect(await said('/orders', token)).toBe('401 user_disabled');
  });

  it('asks for a new token where a role lost the permission, and lets requests pass that do not need it', async () => {
    const { role, person, token } = await reader();
    await admin.put(`/v1/roles/${role}/permissions`, { permissions: [] });
    await until('the permission is gone', async () => (await said('/orders', token)) !== '200');
    expect(await said('/orders', token)).toBe('401 role_changed');
    expect(await said('/me', token)).toBe('200');
    expect(await said('/orders', await tokenOf(person))).toBe('403 insufficient_scope');
  });

  it('refuses the token of a user who lost a role', async () => {
    const { person, token } = await reader();
    await admin.put(`/v1/users/${person.id}/roles`, { roles: [] });
    await until('the token is refused', async () => (await said('/me', token)) !== '200');
    expect(await said('/me', token)).toBe('401 facts_changed');
  });

  it('does not guess while the feed is cut, but asks where the route says so, and goes on when it is back', async () => {
    const { person, token } = await reader();
    expect(await said('/me', token)).toBe('200');
    isCut = true;
    try {
      await until('its knowledge is too old', async () => (await said('/me', token)) !== '200');
      const { status, headers } = await http.as(token).get('/me');
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(await said('/asked', token)).toBe('200');
      await admin.post(`/v1/users/${person.id}/disable`);
      expect(await said('/asked', token)).toBe('401 token_revoked');
      expect(backend.verifier.health()).toMatchObject({ status: 'degraded', connected: false });
    } finally {
      isCut = false;
    }
    await until('the feed answers again', async () => !(await said('/me', token)).startsWith('503'));
    expect(await said('/me', token)).toBe('401 user_disabled');
  });
});

describe('the issuer for tests', () => {
  let fake: FakeIssuer;

  beforeAll(async () => {
    fake = await startIssuer({ audience });
  });
  afterAll(() => fake.close());

  const names = (thing: object): string[] => Object.keys(thing).sort();

  it('speaks as the service does', async () => {
    const pretended = new HttpClient(fake.url);
    const pretending = { clientId: fake.clientId, clientSecret: fake.clientSecret };
    const answers = await Promise.all(
      (
        [
          [app.http, client],
          [pretended, pretending],
        ] as const
      ).map(async ([http, credentials]) => {
        const metadata = await http.get('/.well-known/oauth-authorization-server');
        const { body: keys } = await http.get<{ keys: object[] }>('/.well-known/jwks.json');
        const follower = http.as(await clientToken(http, credentials, { scope: 'validity:read' }));
        const { body: window } = await follower.get<{ seq: number }>('/v1/validity/events?after=0&nonce=n1');
        const nothing = await follower.get(`/v1/validity/events?after=${window.seq}`);
        const refused = await http.as('nobody').get('/v1/validity/events?after=0');
        return {
          metadata: [
            metadata.body['jwks_uri'],
            metadata.body['token_endpoint'],
            metadata.body['introspection_endpoint'],
          ].map((url) => String(url).replace(String(metadata.body['issuer']), '')),
          keys: names(keys),
          window: names(window),
          nothing: [names(nothing.body), nothing.body['events']],
          refused: refused.status,
        };
      }),
    );
    expect(answers[1]).toEqual(answers[0]);
  });

  it('mints and introspects as the service does', async () => {
    const real = (await reader()).token;
    const made = fake.mint({ roles: ['clerk'], permissions: [ORDERS_READ] });
    expect(names(claimsOf(made))).toEqual(names(claimsOf(real)));
    expect(names(headerOf(made))).toEqual(names(headerOf(real)));
    const about = await introspect(app.http, real, basic(client));
    const aboutMade = await introspect(new HttpClient(fake.url), made, basic(fake));
    expect(names(about)).toEqual(expect.arrayContaining(['active', 'permissions', 'roles', 'scope']));
    expect(names(aboutMade)).toEqual(expect.arrayContaining(['active', 'permissions', 'roles', 'scope']));
    expect([about['active'], aboutMade['active']]).toEqual([true, true]);
  });
});
