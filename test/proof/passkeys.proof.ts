import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { mfaToken } from '../support/factors.js';
import type { Answer, HttpClient } from '../support/http.js';
import { createPerson, refreshVerdict, signIn, signedIn, verdict, type Person } from '../support/people.js';
import { claimsOf } from '../support/tokens.js';
import { canRun } from './support/debian-programs.js';
import { PasskeyBrowser } from './support/passkey-browser.js';

jest.setTimeout(120_000);

type Body = Record<string, unknown>;

/** What a user with a passkey has. */
interface Holder extends Person {
  factorId: string;
  http: HttpClient;
}

const run = canRun('chromium', 'the proof of passkeys') ? describe : describe.skip;

run('a passkey, in Chromium with a virtual authenticator,', () => {
  let app: TestApp;
  let other: TestApp;
  let admin: HttpClient;
  let browser: PasskeyBrowser;
  let ann: Person;

  beforeAll(async () => {
    const port = await freePort();
    const env = { PORTCULLIS_ISSUER: `http://localhost:${port.toString()}`, PORTCULLIS_MFA_REQUIRED_ROLES: 'operator' };
    app = await startApp({ port, env });
    other = await startApp({ env, database: app.database });
    admin = await app.admin();
    await admin.post('/v1/roles', { name: 'operator', permissions: [] });
    browser = await PasskeyBrowser.open('/usr/bin/chromium', env.PORTCULLIS_ISSUER);
  });
  afterAll(async () => {
    await browser.close();
    await other.close();
    await app.close();
  });
  beforeEach(async () => {
    ann = await createPerson(admin);
    await browser.replaceAuthenticator({ verifies: true });
  });

  const outcome = ({ status, body }: Answer<Body>): string =>
    status === 200 ? 'tokens' : `${status} ${String(body['code'])}`;
  const post = (path: string, body: object = {}, http = other.http): Promise<Answer<Body>> => http.post(path, body);
  const optionsOf = async (asked: Promise<Answer<Body>>): Promise<unknown> => (await asked).body['options'];
  const actions = async ({ id }: Person): Promise<string[]> => {
    const rows = await app.database.query<{ action: string }>(
      'SELECT action FROM audit_events WHERE target_id = $1 ORDER BY id',
      [id],
    );
    return rows.map(({ action }) => action);
  };

  async function register(who: Person): Promise<Holder> {
    const { http } = await signIn(app.http, who);
    const credential = await browser.create(await optionsOf(post('/v1/auth/mfa/passkey/start', {}, http)));
    const { status, body } = await post('/v1/auth/mfa/passkey/confirm', { credential, name: 'my laptop' }, http);
    expect([status, Array.isArray(body['recoveryCodes'])]).toEqual([200, true]);
    return { ...who, factorId: String(body['factorId']), http: signedIn(app.http, body).http };
  }

  async function answered(token: string): Promise<Body | null> {
    return browser.get(await optionsOf(post('/v1/auth/mfa/passkey/options', { mfa_token: token }, app.http)));
  }
  const factor = (token: string, credential: Body | null): Promise<Answer<Body>> =>
    post('/v1/auth/mfa/passkey', { mfa_token: token, credential });
  const askLogin = async (): Promise<Body | null> =>
    browser.get(await optionsOf(post('/v1/auth/passkey/options', {}, app.http)));
  const login = (credential: Body | null): Promise<Answer<Body>> => post('/v1/auth/passkey/login', { credential });

  it('is set up in a fresh session, whose tokens end, and is listed', async () => {
    const holder = await register(ann);
    const { body } = await holder.http.get('/v1/auth/mfa/factors');
    expect(body['items']).toEqual([expect.objectContaining({ kind: 'passkey', name: 'my laptop' })]);
    // Whoever has it already is not given a second one on the same authenticator.
    expect(await browser.create(await optionsOf(post('/v1/auth/mfa/passkey/start', {}, holder.http)))).toBeNull();
  });

  it('completes a login with a password, at another instance than the one that asked, once per challenge', async () => {
    const holder = await register(ann);
    const { body } = await post('/v1/auth/login', { username: holder.username, password: holder.password });
    expect(body['methods']).toEqual(['passkey', 'recovery']);
    const token = String(body['mfa_token']);
    const credential = await answered(token);
    const done = await factor(token, credential);
    expect(outcome(done)).toBe('tokens');
    expect(claimsOf(String(done.body['access_token']))['amr']).toEqual(['pwd', 'hwk', 'user', 'mfa']);
    expect(outcome(await factor(token, credential))).toBe('401 invalid_token');
    expect(outcome(await factor(await mfaToken(app, holder), credential))).toBe('401 invalid_code');
    expect(await actions(holder)).toContain('login.factor_failed');
  });

  it('logs in alone, once per challenge, and as nobody else', async () => {
    const holder = await register(ann);
    const credential = await askLogin();
    const answers = await Promise.all(Array.from({ length: 50 }, () => login(credential)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const [winner] = answers.filter(({ status }) => status === 200);
    const claims = claimsOf(String(winner?.body['access_token']));
    expect(claims).toMatchObject({ sub: holder.id, amr: ['hwk', 'user', 'mfa'] });
    console.log(`50 uses of one answer: 1 login, ${answers.filter(({ status }) => status === 401).length} refused`);
    expect(outcome(await login(await askLogin()))).toBe('tokens');
  });

  it('is refused when anything about the answer is not right', async () => {
    await register(ann);
    const spoil = async (change: (response: Body, credential: Body) => void): Promise<string> => {
      const credential = structuredClone((await askLogin()) ?? {});
      change(credential['response'] as Body, credential);
      return outcome(await login(credential));
    };
    const clientData = (change: Body) => (response: Body) => {
      const given = JSON.parse(Buffer.from(String(response['clientDataJSON']), 'base64url').toString()) as Body;
      response['clientDataJSON'] = Buffer.from(JSON.stringify({ ...given, ...change })).toString('base64url');
    };
    for (const change of [
      clientData({ origin: 'http://evil.example' }),
      clientData({ type: 'webauthn.create' }),
      clientData({ challenge: 'AAAA' }),
      (response: Body) => (response['signature'] = `AAAA${String(response['signature']).slice(4)}`),
      (response: Body) => (response['userHandle'] = Buffer.alloc(16).toString('base64url')),
      (_: Body, credential: Body) => (credential['id'] = credential['rawId'] = 'AAAA'),
      (_: Body, credential: Body) => (credential['response'] = {}),
    ])
      expect(await spoil(change)).toBe('401 invalid_credentials');
    expect(await spoil(() => undefined)).toBe('tokens');
  });

  it('does not log in alone unless the authenticator makes sure of its user; as a second factor it may', async () => {
    await browser.replaceAuthenticator({ verifies: false });
    const holder = await register(ann);
    const options = (await optionsOf(post('/v1/auth/passkey/options', {}, app.http))) as Body;
    expect(await browser.get(options)).toBeNull();
    // A page that asks for less than it was told to.
    const unverified = await browser.get({ ...options, userVerification: 'discouraged' });
    if (unverified) expect(outcome(await login(unverified))).toBe('401 invalid_credentials');
    const token = await mfaToken(app, holder);
    expect(outcome(await factor(token, await answered(token)))).toBe('tokens');
  });

  it('of which there is a copy is refused, and that is audited', async () => {
    const holder = await register(ann);
    const [copy] = await browser.credentials();
    expect(outcome(await login(await askLogin()))).toBe('tokens');
    await browser.insert({ ...copy, signCount: 1 });
    expect(outcome(await login(await askLogin()))).toBe('401 invalid_credentials');
    expect(await actions(holder)).toContain('passkey.copied');
  });

  it('is what a role that needs a second factor asks for', async () => {
    const olga = await createPerson(admin, ['operator']);
    const asked = await post('/v1/auth/login', { username: olga.username, password: olga.password });
    const { enrolmentToken } = asked.body;
    const credential = await browser.create(await optionsOf(post('/v1/auth/mfa/passkey/start', { enrolmentToken })));
    const done = await post('/v1/auth/mfa/passkey/confirm', { credential });
    expect(claimsOf(String(done.body['access_token']))['amr']).toEqual(['pwd', 'hwk', 'user', 'mfa']);
    const removal = await signedIn(app.http, done.body).http.delete(
      `/v1/auth/mfa/factors/${String(done.body['factorId'])}`,
    );
    expect(outcome(removal)).toBe('409 factor_required');
    expect(outcome(await login(await askLogin()))).toBe('tokens');
  });

  it.each<[string, (who: Holder) => Promise<unknown>]>([
    ['the user is disabled', ({ id }) => admin.post(`/v1/users/${id}/disable`)],
    ['the user is deleted', ({ id }) => admin.delete(`/v1/users/${id}`)],
    ['the factors are reset', ({ id }) => admin.delete(`/v1/users/${id}/factors`)],
    ['it is removed', ({ http, factorId }) => http.delete(`/v1/auth/mfa/factors/${factorId}`)],
  ])('gives no token once %s, at whichever step', async (_, change) => {
    const holder = await register(ann);
    const token = await mfaToken(app, holder);
    const second = await answered(token);
    const alone = await askLogin();
    await change(holder);
    expect(outcome(await factor(token, second))).toBe('401 invalid_token');
    expect(outcome(await login(alone))).toBe('401 invalid_credentials');
    const again = await post('/v1/auth/mfa/passkey/options', { mfa_token: token });
    expect(outcome(again)).toBe('401 invalid_token');
  });

  it('gives nothing that lives on when the user is disabled at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const holder = await register(await createPerson(admin));
      const credential = await askLogin();
      const [answer] = await Promise.all([login(credential), admin.post(`/v1/users/${holder.id}/disable`)]);
      await admin.post(`/v1/users/${holder.id}/enable`);
      if (answer.status === 200) {
        expect(await verdict(app.http.as(String(answer.body['access_token'])))).toMatch(/^401/);
        expect(await refreshVerdict(app.http, String(answer.body['refresh_token']))).toBe('401 invalid_grant');
      }
      await browser.replaceAuthenticator({ verifies: true });
    }
  });
});

/** On which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
