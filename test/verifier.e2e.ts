import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StaleWindowError, VerificationError, createVerifier, type Notice, type Verifier } from '@portcullis/verifier';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createPerson, type Person } from './support/people.js';

const AUDIENCE = 'urn:orders';

let app: TestApp;
let admin: HttpClient;
let credentials: { clientId: string; clientSecret: string };
const open: Verifier[] = [];

beforeAll(async () => {
  // The issuer must be where it is reached, which is known only once it listens.
  const probe = await startApp();
  const { port } = new URL(probe.url);
  await probe.close();
  app = await startApp({ env: { PORTCULLIS_ISSUER: `http://127.0.0.1:${port}` }, port: Number(port) });
  admin = await app.admin();
  await admin.post('/v1/audiences', { identifier: AUDIENCE, algorithm: 'RS256' });
  const { body } = await admin.post('/v1/clients', {
    name: 'Orders',
    permissions: ['validity:read'],
    audiences: [AUDIENCE],
  });
  credentials = { clientId: String(body['clientId']), clientSecret: String(body['clientSecret']) };
});
afterAll(async () => {
  for (const verifier of open) await verifier.close();
  await app.close();
});

async function connect(options: Partial<Parameters<typeof createVerifier>[0]> = {}): Promise<Verifier> {
  const verifier = createVerifier({
    issuer: app.url,
    audience: AUDIENCE,
    ...credentials,
    onNotice: () => undefined,
    ...options,
  });
  open.push(verifier);
  await verifier.ready({ timeoutMs: 10_000 });
  return verifier;
}

async function tokenOf(person: Person): Promise<string> {
  const { username, password } = person;
  const { body } = await app.http.post('/v1/auth/login', { username, password, audience: [AUDIENCE] });
  return String(body['access_token']);
}

/** The reason for which the token is refused, as soon as it is. */
async function refusal(verifier: Verifier, token: string): Promise<string> {
  for (;;) {
    try {
      await verifier.verify(token);
      await new Promise(setImmediate);
    } catch (error) {
      if (error instanceof VerificationError) return error.reason;
      throw error;
    }
  }
}

describe('a service that follows the feed', () => {
  it('accepts a token offline, and refuses it a moment after its user was disabled in SQL', async () => {
    const verifier = await connect();
    const person = await createPerson(admin);
    const token = await tokenOf(person);
    expect(await verifier.verify(token)).toMatchObject({ subject: person.id, audience: [AUDIENCE] });
    await app.database.query(`UPDATE users SET status = 'disabled' WHERE id = $1`, [person.id]);
    const since = performance.now();
    expect(await refusal(verifier, token)).toBe('user_disabled');
    console.log(`from commit to refusal: ${(performance.now() - since).toFixed(1)} ms (target 100 ms)`);
    expect(verifier.health()).toMatchObject({ status: 'ok', connected: true });
  });

  it('learns of a logout, of a forced expiration and of a revoked key', async () => {
    const verifier = await connect();
    const person = await createPerson(admin);
    const first = await tokenOf(person);
    await app.http.as(first).post('/v1/auth/logout-all');
    const second = await tokenOf(person);
    await admin.post('/v1/forced-expirations', { scope: 'user', key: person.id, reason: 'test' });
    expect(await refusal(verifier, second)).toBe('forced_expiration');
    const third = await tokenOf(person);
    expect(await verifier.verify(third)).toMatchObject({ subject: person.id });
    await app.database.query(`UPDATE signing_keys SET state = 'revoked', private_key = NULL WHERE state = 'active'`);
    expect(await refusal(verifier, third)).toBe('key_revoked');
    // And learns the key that took its place.
    expect(await verifier.verify(await tokenOf(person))).toMatchObject({ subject: person.id });
    admin = await app.admin();
  });

  it('refuses what is not for it', async () => {
    const verifier = await connect({ audience: 'urn:billing' });
    await expect(verifier.verify(await tokenOf(await createPerson(admin)))).rejects.toMatchObject({
      reason: 'wrong_audience',
    });
    await expect(verifier.verify('a.b.c')).rejects.toMatchObject({ reason: 'malformed' });
  });

  it('without client credentials verifies by signature and claims alone, and says so', async () => {
    const notices: Notice[] = [];
    const verifier = createVerifier({
      issuer: app.url,
      audience: AUDIENCE,
      onNotice: (notice) => notices.push(notice),
    });
    open.push(verifier);
    await verifier.ready();
    expect(notices.map(({ type }) => type)).toEqual(['unconnected']);
    await verifier.verify(await tokenOf(await createPerson(admin)));
    expect(verifier.health().status).toBe('degraded');

    const strict = createVerifier({ issuer: app.url, audience: AUDIENCE, onNotice: () => undefined, maxAgeSeconds: 0 });
    open.push(strict);
    await strict.ready();
    await expect(strict.verify(await tokenOf(await createPerson(admin)))).rejects.toMatchObject({ reason: 'too_old' });
  });

  it.each([
    [{ issuer: 'http://auth.example.org' }, 'https:'],
    [{ issuer: 'nowhere' }, 'not a URL'],
    [{ audience: '' }, 'audience'],
    [{ clientSecret: '' }, 'clientSecret'],
    [{ maxStaleness: -1 }, 'maxStaleness'],
  ])('is not made with %j', (options, message) => {
    expect(() =>
      createVerifier({ issuer: 'https://auth.example.org', audience: 'x', ...credentials, ...options }),
    ).toThrow(message);
  });
});

describe('when the feed is cut', () => {
  it('refuses after maxStaleness by default; asks, or accepts and says so, where that was chosen', async () => {
    const stopping = await startApp({ database: app.database, env: { PORTCULLIS_ISSUER: app.url } });
    const notices: Notice[] = [];
    const options = { urls: [stopping.url], maxStaleness: 300, onNotice: (notice: Notice) => notices.push(notice) };
    const [refuses, accepts] = [await connect(options), await connect({ ...options, onStale: 'accept-until-exp' })];
    const token = await tokenOf(await createPerson(admin));
    await refuses.verify(token);
    await accepts.verify(token);
    await stopping.close();
    await expect(
      (async () => {
        for (;;) {
          await refuses.verify(token);
          await new Promise(setImmediate);
        }
      })(),
    ).rejects.toBeInstanceOf(StaleWindowError);
    expect(refuses.health()).toMatchObject({ status: 'degraded', connected: false });
    while (accepts.health().acceptedOnOldKnowledge === 0) await accepts.verify(token);
    expect(notices.map(({ type }) => type)).toEqual(expect.arrayContaining(['feed_lost', 'accepted_on_old_knowledge']));
  });
});
