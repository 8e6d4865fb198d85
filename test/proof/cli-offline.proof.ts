import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SignJWT, exportJWK, jwtVerify } from 'jose';
import { cli } from '../support/cli.js';

let directory: string;
const file = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-cli-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

// Each command is a process of its own, which takes a second, and many on a busy machine.
jest.setTimeout(240_000);

describe('portcullis, offline', () => {
  it('prints help with examples, and says with status 2 that it was not understood', async () => {
    const help = await cli(['token', 'verify', '--help']);
    expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('portcullis token verify eyJ')]);
    const unknown = await cli(['token', 'forge']);
    expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("unknown command 'forge'")]);
    expect((await cli(['secret', '--bytes', '31'])).status).toBe(2);
  });

  it('makes secrets', async () => {
    const plain = await cli(['secret', '--bytes', '64']);
    expect(Buffer.from(plain.stdout.trim(), 'base64')).toHaveLength(64);
    const { secret, bytes } = (await cli(['--json', 'secret'])).json();
    expect([Buffer.from(String(secret), 'base64').length, bytes]).toEqual([32, 32]);
  });

  it('makes a key, signs with it, verifies by its public half, and refuses what was altered', async () => {
    const passphrase = file('passphrase', 'a passphrase of some length\n');
    const out = join(directory, 'key.pem');
    const made = await cli(['keys', 'generate', '--algorithm', 'ES256', '--out', out, '--passphrase-file', passphrase]);
    expect(made.status).toBe(0);
    expect(readFileSync(out, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const jwk = file('public.json', made.stdout);

    const claims = file('claims.json', JSON.stringify({ iss: 'https://a.example', sub: 'me' }));
    const signing = [
      'token',
      'sign',
      '--key',
      out,
      '--passphrase-file',
      passphrase,
      '--claims',
      claims,
      '--audience',
      'x',
    ];
    const { stdout } = await cli(signing);
    const token = stdout.trim();

    const good = await cli([
      'token',
      'verify',
      token,
      '--key',
      jwk,
      '--issuer',
      'https://a.example',
      '--audience',
      'x',
      '--json',
    ]);
    expect([good.status, good.json()]).toEqual([0, expect.objectContaining({ accepted: true })]);
    const other = await cli(['token', 'verify', '-', '--key', jwk, '--issuer', 'https://b.example'], {}, token);
    expect([other.status, other.stdout]).toEqual([1, expect.stringContaining('refused: wrong_issuer')]);
    const altered = await cli(['token', 'verify', `${token.slice(0, -6)}AAAAAA`, '--key', jwk]);
    expect([altered.status, altered.stdout]).toEqual([1, expect.stringContaining('refused: bad_signature')]);
    expect((await cli(['token', 'decode', token, '--json'])).json()).toMatchObject({
      payload: { sub: 'me', aud: 'x' },
    });

    const again = await cli(['keys', 'generate', '--out', out, '--passphrase-file', passphrase]);
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('cannot be written')]);
  });

  it('verifies by a JWKS from its URL, and says when a token has expired or is too old', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = file('ed.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' }] });
    const server = createServer((_request, response) => response.end(jwks)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    try {
      const sign = async (claims: object): Promise<string> => {
        const args = ['token', 'sign', '--key', key, '--kid', 'k1', '--claims', '-'];
        return (await cli(args, {}, JSON.stringify(claims))).stdout.trim();
      };
      const now = Math.floor(Date.now() / 1000);
      expect((await cli(['token', 'verify', await sign({}), '--jwks', url])).status).toBe(0);
      const expired = await cli(['token', 'verify', await sign({ iat: now - 600, exp: now - 300 }), '--jwks', url]);
      expect([expired.status, expired.stdout]).toEqual([1, expect.stringContaining('refused: expired')]);
      const old = await cli(['token', 'verify', await sign({ iat: now - 600 }), '--jwks', url, '--max-age', '5m']);
      expect([old.status, old.stdout]).toEqual([1, expect.stringContaining('refused: too_old')]);
    } finally {
      server.close();
    }
  });

  it('signs with a secret as other libraries do, and refuses a weak one with the reason', async () => {
    const secret = randomBytes(32);
    const strong = file('secret', secret.toString('base64'));
    const { stdout } = await cli(['token', 'sign', '--key', strong, '--subject', 'me', '--ttl', '15m']);
    const { payload, protectedHeader } = await jwtVerify(stdout.trim(), secret);
    expect([payload.sub, protectedHeader.alg, (payload.exp ?? 0) - (payload.iat ?? 0)]).toEqual(['me', 'HS256', 900]);
    const weak = await cli([
      'token',
      'sign',
      '--key',
      file('weak', Buffer.from('changeme').toString('base64')),
      '--json',
    ]);
    expect([weak.status, weak.json()]).toEqual([1, { error: expect.objectContaining({ code: 'secret_too_short' }) }]);
  });

  it('verifies RS256 by an RSA key of 4096 bits that is said to be for it, and a token without kid by the only key of a set', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const token = await new SignJWT({ sub: 'me' })
      .setProtectedHeader({ alg: 'RS256' })
      .setExpirationTime('5m')
      .sign(privateKey);
    const pem = file('rsa4096.pem', publicKey.export({ format: 'pem', type: 'spki' }) as string);
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' };
    const set = file('set.json', JSON.stringify({ keys: [jwk] }));
    for (const by of [
      ['--key', pem, '--algorithms', 'RS256'],
      ['--key', file('jwk.json', JSON.stringify(jwk))],
      ['--jwks', set, '--algorithms', 'RS256'],
    ])
      expect(await cli(['token', 'verify', token, ...by])).toMatchObject({ status: 0, stderr: '' });
    const byLength = await cli(['token', 'verify', token, '--key', pem]);
    expect([byLength.status, byLength.stdout]).toEqual([1, expect.stringContaining('the key is for RS512')]);
    const several = file('several.json', JSON.stringify({ keys: [jwk, { ...jwk, kid: 'k2' }] }));
    const unnamed = await cli(['token', 'verify', token, '--jwks', several]);
    expect([unnamed.status, unnamed.stdout]).toEqual([1, expect.stringContaining('unknown_key')]);
  });

  it('understands no option that would have no effect, nor a claim that is given twice', async () => {
    const secret = file('strong', randomBytes(32).toString('base64'));
    for (const [args, named] of [
      [['token', 'sign', '--audience', 'x', '--subject', 'y', '--kid', 'k'], '--kid'],
      [['token', 'sign', '--audience', 'x', '--subject', 'y', '--pss'], '--pss'],
      [['token', 'sign', '--key', secret, '--role', 'admin'], '--role'],
      [['token', 'sign', '--permission', 'a:b', '--permissions', secret], '--permission'],
      [['token', 'verify', 'x', '--allow-insecure'], '--allow-insecure'],
      [['keys', 'export', 'x', '--format', 'jwk', '--passphrase-file', secret], '--format'],
      [['keys', 'import', secret, '--algorithm', 'RS256'], '--algorithm'],
    ] as const) {
      const { status, stderr } = await cli(args);
      expect([args, status, stderr]).toEqual([args, 2, expect.stringContaining(named)]);
    }
    for (const [claims, args, named] of [
      [{ exp: 'tomorrow' }, [], 'exp in --claims must be a number'],
      [{ exp: 1 }, ['--ttl', '60'], 'exp stands in --claims'],
      [{ sub: 'a' }, ['--subject', 'b'], 'sub stands in --claims'],
    ] as const) {
      const signing = ['token', 'sign', '--key', secret, '--claims', '-', ...args];
      const { status, stderr } = await cli(signing, {}, JSON.stringify(claims));
      expect([claims, status, stderr]).toEqual([claims, 1, expect.stringContaining(named)]);
    }
    const endless = await cli(['token', 'sign', '--key', '/dev/zero']);
    expect([endless.status, endless.stderr]).toEqual([1, expect.stringContaining('/dev/zero is too long')]);
  });

  it('checks the configuration, and reports everything that is wrong with it at once', async () => {
    const good = await cli(['config', 'check', '--json'], { PORTCULLIS_ISSUER: 'https://auth.example.org' });
    expect([good.status, good.json()]).toEqual([
      0,
      expect.objectContaining({ ok: true, issuer: 'https://auth.example.org' }),
    ]);
    const bad = await cli(['config', 'check'], { PORT: 'http', PORTCULLIS_ISUER: 'https://auth.example.org' });
    expect([bad.status, bad.stderr]).toEqual([
      1,
      expect.stringMatching(/PORT[^]*PORTCULLIS_ISUER|PORTCULLIS_ISUER[^]*PORT/),
    ]);
  });
});
