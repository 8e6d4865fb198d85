import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TokenError, createVerifier, type DecodedJwt } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { startApp, type TestApp } from './support/app.js';
import { Front } from './support/front.js';
import { HttpClient } from './support/http.js';
import { clientToken, createAudience, createClient } from './support/oauth.js';
import { createPerson, signIn } from './support/people.js';
import { encoded, headerOf, reissued } from './support/tokens.js';

/* Backends that verify tokens with the published keys, written as the documentation of their libraries has it. */

let front: Front;
let app: TestApp;
let audience: string;
/** For the audience. */
let token: string;
/** None of them is good here. */
let refused: [string, string][];

beforeAll(async () => {
  front = await Front.open();
  app = await startApp({ env: { PORTCULLIS_ISSUER: front.issuer } });
  front.target = app.url;
  const admin = await app.admin();
  audience = await createAudience(admin);
  const client = await createClient(admin, { permissions: ['users:read'], audiences: [audience] });
  token = await clientToken(app.http, client, { resource: audience });
  const [, payload = '', signature = ''] = token.split('.');
  refused = [
    ['for the issuer', await clientToken(app.http, client)],
    ['of another issuer', await reissued(app, token, { iss: 'https://evil.test' })],
    ['expired', await reissued(app, token, { exp: 1_600_000_000 })],
    ['forged', `${token.slice(0, -8)}AAAAAAAA`],
    ['unsigned', `${encoded({ ...headerOf(token), alg: 'none' })}.${payload}.`],
    ['of an unknown key', `${encoded({ ...headerOf(token), kid: 'nobody-knows' })}.${payload}.${signature}`],
  ];
});
afterAll(async () => {
  await front.close();
  await app.close();
});

describe('the protected backend of the tutorials', () => {
  let backend: ChildProcess;
  let http: HttpClient;

  beforeAll(async () => {
    const script = new URL('./support/tutorial-backend.js', import.meta.url).pathname;
    backend = spawn(process.execPath, [script, front.issuer, audience], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!backend.stdout) throw new Error('it has no output');
    const [url] = (await once(createInterface(backend.stdout), 'line')) as [string];
    http = new HttpClient(url);
  });
  afterAll(async () => {
    const exited = once(backend, 'exit');
    backend.stdin?.end();
    await exited;
  });

  it('serves everybody at its public address', async () => {
    expect((await http.get('/')).body).toBe('Welcome');
  });

  describe.each(['/express-jwt', '/passport-jwt'])('with jwks-rsa: %s', (path) => {
    it('serves who has a token for it, again and again, and nobody without', async () => {
      expect((await http.get(path)).status).toBe(401);
      for (let n = 0; n < 20; n++) {
        const { status, body } = await http.as(token).get(path);
        expect([status, body['scope'], body['aud']]).toEqual([200, 'users:read', audience]);
      }
    });

    it('refuses every other token', async () => {
      for (const [name, other] of refused) {
        const { status } = await http.as(other).get(path);
        // A key that jwks-rsa does not find is an error to express-jwt, not a refusal.
        expect([name, [401, 500]]).toEqual([name, expect.arrayContaining([status])]);
      }
    });

    it('serves people who logged in for it', async () => {
      const person = await createPerson(await app.admin());
      const { username, password } = person;
      const { body } = await app.http.post('/v1/auth/login', { username, password, audience: [audience] });
      const answer = await http.as(body['access_token'] as string).get(path);
      expect([answer.status, answer.body['sub']]).toEqual([200, person.id]);
      const { accessToken } = await signIn(app.http, person);
      expect((await http.as(accessToken).get(path)).status).toBe(401);
    });
  });
});

describe('jose', () => {
  it('verifies what is for it, by issuer, audience and type', async () => {
    const keys = createRemoteJWKSet(new URL(`${front.issuer}/.well-known/jwks.json`));
    const verify = (text: string) => jwtVerify(text, keys, { issuer: front.issuer, audience, typ: 'at+jwt' });
    const { payload, protectedHeader } = await verify(token);
    expect(protectedHeader).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
    expect(payload).toMatchObject({ iss: front.issuer, aud: audience, scope: 'users:read' });
    for (const [, other] of refused) await expect(verify(other)).rejects.toBeInstanceOf(errors.JOSEError);
  });
});

describe('fast-jwt with get-jwks', () => {
  it('verifies what is for it', async () => {
    const keys = buildGetJwks({ issuersWhitelist: [front.issuer] });
    const verify = createVerifier({
      key: ({ header }: DecodedJwt) =>
        keys.getPublicKey({ kid: String(header['kid']), alg: String(header['alg']), domain: front.issuer }),
      algorithms: ['RS256'],
      allowedIss: front.issuer,
      allowedAud: audience,
    });
    expect(await verify(token)).toMatchObject({ aud: audience, scope: 'users:read' });
    for (const [, other] of refused) await expect(verify(other)).rejects.toBeInstanceOf(TokenError);
  });
});
