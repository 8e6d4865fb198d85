import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SignJWT } from 'jose';
import { startApp, type TestApp } from '../support/app.js';
import { cli, type CliResult } from '../support/cli.js';
import { postForm } from '../support/oauth.js';
import { createPerson, signIn, verdict } from '../support/people.js';
import { headerOf } from '../support/tokens.js';

// The service runs while commands work on the same database: what they change, it obeys with the next request.

let app: TestApp;
let directory: string;
let env: Record<string, string>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-cli-'));
  env = {
    PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    PORTCULLIS_DATA_DIR: directory,
    PORTCULLIS_ISSUER: 'http://localhost:3000',
    PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
    PORTCULLIS_ARGON2_MEMORY_KIB: '64',
    PORTCULLIS_ARGON2_ITERATIONS: '1',
  };
  app = await startApp({ env });
  env['DATABASE_URL'] = app.database.url;
});
afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

const run = async (...args: string[]): Promise<CliResult> => {
  const result = await cli([...args, '--json'], env);
  if (result.stderr !== '') throw new Error(result.stderr);
  return result;
};

// Each command is a process of its own, which takes a second, and many on a busy machine.
jest.setTimeout(240_000);

describe('portcullis, beside a running service', () => {
  it('creates a user who then logs in, disables, enables, and gives another password', async () => {
    const created = (await run('users', 'create', 'carol', '--email', 'carol@example.org', '--role', 'auditor')).json();
    expect(created).toMatchObject({ username: 'carol', roles: ['auditor'], password: expect.any(String) });
    const first = await app.http.post('/v1/auth/login', { username: 'carol', password: created['password'] });
    expect([first.status, first.body['code']]).toEqual([403, 'password_change_required']);

    const path = join(directory, 'password');
    writeFileSync(path, 'violet otters juggle lanterns\n');
    expect((await run('users', 'reset-password', 'carol', '--password-file', path)).json()).not.toHaveProperty(
      'password',
    );
    const carol = await signIn(app.http, { username: 'carol', password: 'violet otters juggle lanterns' });
    expect((await run('users', 'disable', 'carol@example.org')).json()).toMatchObject({ status: 'disabled' });
    expect(await verdict(carol.http)).toBe('401 user_disabled');
    expect((await run('users', 'enable', String(created['id']))).json()).toMatchObject({ status: 'active' });

    const unknown = await cli(['users', 'disable', 'nobody'], env);
    expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('There is no user nobody.')]);
    const taken = (await cli(['users', 'create', 'carol', '--email', 'no address', '--json'], env)).json();
    expect(taken.error).toMatchObject({ code: 'validation_failed', errors: [{ field: 'email' }] });
  });

  it('says of a token what the service says', async () => {
    const person = await createPerson(await app.admin());
    const { accessToken } = await signIn(app.http, person);
    expect((await run('token', 'verify', accessToken)).json()).toMatchObject({
      accepted: true,
      claims: { sub: person.id },
    });
    await (await app.admin()).post(`/v1/users/${person.id}/disable`);
    const verified = await run('token', 'verify', accessToken);
    expect([verified.status, verified.json()]).toEqual([1, expect.objectContaining({ reason: 'user_disabled' })]);
    const explained = await run('token', 'explain', accessToken);
    expect([explained.status, explained.json()['questions']]).toEqual([
      1,
      expect.arrayContaining([expect.objectContaining({ question: 'user_active', answer: false })]),
    ]);
  });

  it('signs tokens that are recorded and can be revoked', async () => {
    const admin = await app.admin();
    await admin.post('/v1/audiences', { identifier: 'urn:orders', algorithm: 'ES256' });
    const signed = (
      await run('token', 'sign', '--audience', 'urn:orders', '--subject', 'batch-7', '--ttl', '1h')
    ).json();
    expect(signed).toMatchObject({ expires_in: 3600, jti: expect.any(String) });
    const token = String(signed['access_token']);
    expect((await run('token', 'verify', token, '--audience', 'urn:orders')).json()).toMatchObject({ accepted: true });
    expect((await admin.delete(`/v1/tokens/${String(signed['jti'])}`)).status).toBe(204);
    expect((await run('token', 'verify', token)).json()).toMatchObject({ accepted: false, reason: 'token_revoked' });
  });

  it.each([
    [['--ttl', '0'], 'ttlSeconds'],
    [['--subject', ''], 'subject'],
    [['--subject', 'a b\nc'], 'subject'],
    [['--subject', 'x'.repeat(201)], 'subject'],
    [['--role', 'a\nb'], 'roles'],
  ])('signs none by what POST /v1/tokens would not take: %j', async (args, field) => {
    const order = ['token', 'sign', '--audience', 'urn:orders', '--subject', 'batch-7', ...args, '--json'];
    const { status, stdout } = await cli(order, env);
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      { error: expect.objectContaining({ code: 'validation_failed', errors: [expect.objectContaining({ field })] }) },
    ]);
  });

  it('rotates, lists, exports, imports and revokes keys', async () => {
    const rotated = (await run('keys', 'rotate', '--algorithm', 'EdDSA')).json();
    expect(rotated['state']).toMatch(/active|pending/);
    const kid = String(rotated['kid']);
    const listed = (await run('keys', 'list')).json();
    expect(listed).toContainEqual(expect.objectContaining({ kid, algorithm: 'EdDSA' }));
    expect(JSON.stringify(listed)).not.toMatch(/private/i);
    expect((await run('keys', 'export', kid)).json()).toMatchObject({ publicJwk: { kid, alg: 'EdDSA' } });

    const passphrase = join(directory, 'passphrase');
    writeFileSync(passphrase, 'a passphrase of some length');
    const { privatePem } = (await run('keys', 'export', kid, '--passphrase-file', passphrase)).json();
    const path = join(directory, 'exported.pem');
    writeFileSync(path, String(privatePem));
    const again = await cli(['keys', 'import', path, '--passphrase-file', passphrase, '--json'], env);
    expect([again.status, again.json()]).toEqual([1, { error: expect.objectContaining({ code: 'key_exists' }) }]);

    const out = join(directory, 'new.pem');
    await run('keys', 'generate', '--algorithm', 'ES384', '--out', out, '--passphrase-file', passphrase);
    const imported = (await run('keys', 'import', out, '--passphrase-file', passphrase)).json();
    expect(imported).toMatchObject({ algorithm: 'ES384', state: 'active' });

    const misnamed = await cli(['keys', 'import', out, '--audience', 'urn:a b'], env);
    expect([misnamed.status, misnamed.stderr]).toEqual([2, expect.stringContaining('word or a URI')]);
    const long = await cli(['keys', 'revoke', kid, '--reason', 'x'.repeat(201), '--json'], env);
    expect([long.status, long.json()]).toMatchObject([1, { error: { errors: [{ field: 'reason' }] } }]);

    const signedIn = await signIn(app.http, await createPerson(await app.admin()));
    const signer = String(headerOf(signedIn.accessToken)['kid']);
    expect((await run('keys', 'revoke', signer, '--reason', 'drill')).json()).toEqual({
      kid: signer,
      state: 'revoked',
    });
    expect(await verdict(signedIn.http)).toBe('401 key_revoked');
  });

  it('creates a client that gets tokens', async () => {
    const created = (
      await run('clients', 'create', 'Orders', '--client-id', 'orders', '--permission', 'validity:read')
    ).json();
    const body = new URLSearchParams({ grant_type: 'client_credentials' }).toString();
    const credentials = Buffer.from(`orders:${String(created['clientSecret'])}`).toString('base64');
    const { status } = await app.http.raw('POST', '/oauth/token', body, {
      headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(status).toBe(200);
  });

  it('creates a client that proves itself by a key of its own, and has no secret', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const path = join(directory, 'client.json');
    writeFileSync(path, JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256' }));
    const created = (await run('clients', 'create', 'Reports', '--client-id', 'reports', '--public-key', path)).json();
    expect(created).toEqual({ clientId: 'reports', permissions: [], audiences: [] });
    const assertion = await new SignJWT({ jti: 'once' })
      .setProtectedHeader({ alg: 'RS256', kid: 'own' })
      .setIssuer('reports')
      .setSubject('reports')
      .setAudience('http://localhost:3000')
      .setExpirationTime('60s')
      .sign(privateKey);
    const { status } = await postForm(app.http, '/oauth/token', {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
    expect(status).toBe(200);
    writeFileSync(path, JSON.stringify(privateKey.export({ format: 'jwk' })));
    const refused = await cli(['clients', 'create', 'Reports', '--public-key', path, '--json'], env);
    expect([refused.status, refused.json()]).toMatchObject([1, { error: { errors: [{ field: 'jwks.keys.0' }] } }]);
  });

  it('forces expirations, and re-wraps what another master key encrypts', async () => {
    const admin = await app.admin();
    expect((await run('expire', '--scope', 'global', '--reason', 'drill', '--dry-run')).json()).toMatchObject({
      sessions: expect.any(Number),
    });
    expect(await verdict(admin)).toBe('accepted');
    await run('expire', '--scope', 'global', '--reason', 'drill');
    expect(await verdict(admin)).toBe('401 forced_expiration');

    const next = { ...env, PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') };
    const wrong = await cli(['keys', 'list'], next);
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('master key')]);
    const both = { ...next, PORTCULLIS_MASTER_KEY_PREVIOUS: env['PORTCULLIS_MASTER_KEY'] ?? '' };
    const rewrapped = await cli(['keys', 'rewrap', '--json'], both);
    expect([rewrapped.status, rewrapped.json()]).toEqual([
      0,
      expect.objectContaining({ left: { signingKeys: 0, serverSecrets: 0, totpSecrets: 0 }, unreadable: [] }),
    ]);
    expect((await cli(['keys', 'list', '--json'], next)).status).toBe(0);
  });

  it('brings an empty database to the schema of this version, and asks for that first', async () => {
    await app.database.query('CREATE DATABASE portcullis_cli_empty');
    const url = new URL(app.database.url);
    url.pathname = '/portcullis_cli_empty';
    const empty = { ...env, DATABASE_URL: url.href };
    try {
      const early = await cli(['keys', 'list'], empty);
      expect([early.status, early.stderr]).toEqual([1, expect.stringContaining('portcullis migrate')]);
      const applied = (await cli(['migrate', '--json'], empty)).json()['applied'];
      expect(applied).toContain('Core1763700000000');
      expect((await cli(['migrate', '--json'], empty)).json()).toEqual({ applied: [] });
    } finally {
      await app.database.query('DROP DATABASE portcullis_cli_empty WITH (FORCE)');
    }
  });
});
