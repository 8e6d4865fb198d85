import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { startApp, type TestApp } from './support/app.js';
import type { HttpClient } from './support/http.js';
import { createClient, postForm } from './support/oauth.js';

const ISSUER = 'http://localhost:3000';
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

let app: TestApp;
let second: TestApp;
let admin: HttpClient;
let clientId: string;

const jwk = (key: KeyObject, rest: object) => ({ ...key.export({ format: 'jwk' }), ...rest });
const registered = () => ({
  keys: [jwk(rsa.publicKey, { kid: 'rsa' }), jwk(ec.publicKey, { kid: 'ec' }), jwk(ed.publicKey, { kid: 'ed' })],
});

beforeAll(async () => {
  app = await startApp();
  second = await startApp({ database: app.database });
  admin = await app.admin();
});
afterAll(async () => {
  await second.close();
  await app.close();
});
beforeEach(async () => {
  ({ clientId } = await createClient(admin, { permissions: ['users:read'], jwks: registered() }));
});

interface Made {
  alg?: string;
  kid?: string;
  key?: KeyObject;
  aud?: string;
  jti?: string;
  typ?: string;
}

function assertion({ alg = 'RS256', kid = 'rsa', key = rsa.privateKey, aud = ISSUER, jti, typ }: Made = {}) {
  return new SignJWT()
    .setProtectedHeader({ alg, kid, ...(typ && { typ }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(aud)
    .setJti(jti ?? randomUUID())
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(key);
}

const ask = (text: string, fields: Record<string, string> = {}, http = app.http) =>
  postForm(http, '/oauth/token', {
    grant_type: 'client_credentials',
    client_assertion_type: TYPE,
    client_assertion: text,
    ...fields,
  });

describe('a client with a registered key', () => {
  it.each<[string, () => Promise<string>]>([
    ['RSA', () => assertion()],
    ['EC', () => assertion({ alg: 'ES256', kid: 'ec', key: ec.privateKey })],
    ['Ed25519', () => assertion({ alg: 'EdDSA', kid: 'ed', key: ed.privateKey })],
    ['RSA, made out to the token endpoint', () => assertion({ aud: `${ISSUER}/oauth/token` })],
  ])('gets a token by an assertion: %s', async (_, make) => {
    const { status, body } = await ask(await make(), { client_id: clientId });
    expect(status).toBe(200);
    expect((await app.http.as(body['access_token'] as string).get('/v1/users')).status).toBe(200);
  });

  it('may sign RS256 with a long RSA key that says so, and then nothing else', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'long', alg: 'RS256' };
    ({ clientId } = await createClient(admin, { jwks: { keys: [jwk] } }));
    expect((await ask(await assertion({ kid: 'long', key: privateKey }))).status).toBe(200);
    for (const alg of ['RS512', 'PS256'])
      expect((await ask(await assertion({ alg, kid: 'long', key: privateKey }))).status).toBe(401);
  });

  it('gets one token for one assertion, however many ask at once, and at whichever instance', async () => {
    const text = await assertion();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask(text, {}, n % 2 ? app.http : second.http)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body['error'] === 'invalid_client')).toHaveLength(19);
  });

  it('may use the jti of another client', async () => {
    const jti = randomUUID();
    expect((await ask(await assertion({ jti }))).status).toBe(200);
    ({ clientId } = await createClient(admin, { jwks: registered() }));
    expect((await ask(await assertion({ jti }))).status).toBe(200);
    expect((await ask(await assertion({ jti }))).status).toBe(401);
  });

  it.each<[string, () => Promise<string>, Record<string, string>]>([
    ['another key', () => assertion({ key: stranger.privateKey }), {}],
    ['another audience', () => assertion({ aud: 'https://evil.test' }), {}],
    ['the type of an access token', () => assertion({ typ: 'at+jwt' }), {}],
    ['the name of another client', () => assertion(), { client_id: 'billing' }],
    ['no JWT', () => Promise.resolve('x.y.z'), {}],
  ])('gets none for an assertion with %s', async (_, make, fields) => {
    const { status, body } = await ask(await make(), fields);
    expect([status, body['error']]).toEqual([401, 'invalid_client']);
  });

  it('uses up no jti by an assertion that proves nothing', async () => {
    const jti = randomUUID();
    await ask(await assertion({ jti, key: stranger.privateKey }));
    expect((await ask(await assertion({ jti }))).status).toBe(200);
  });

  it('gets none with another method beside it', async () => {
    const { status, body } = await ask(await assertion(), { client_id: clientId, client_secret: 'x' });
    expect([status, body['error']]).toEqual([400, 'invalid_request']);
  });

  it('has its keys replaced at once', async () => {
    const { body } = await ask(await assertion());
    const token = app.http.as(body['access_token'] as string);
    await admin.put(`/v1/clients/${clientId}/jwks`, { keys: [jwk(stranger.publicKey, { kid: 'new' })] });
    expect((await token.get('/v1/users')).body).toMatchObject({ status: 401, reason: 'credentials_changed' });
    expect((await ask(await assertion())).body['error']).toBe('invalid_client');
    expect((await ask(await assertion({ kid: 'new', key: stranger.privateKey }))).status).toBe(200);
  });

  it('is refused once it is disabled', async () => {
    await admin.post(`/v1/clients/${clientId}/disable`);
    expect((await ask(await assertion())).body['error']).toBe('invalid_client');
  });
});
