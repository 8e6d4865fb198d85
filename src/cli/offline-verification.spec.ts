import { createSecretKey, generateKeyPairSync, randomBytes, sign as signWith } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { verificationKey } from '@portcullis/verifier';
import { SignJWT, UnsecuredJWT } from 'jose';
import { verifyOffline, type Expectations, type Verdict } from './offline-verification.js';

const NOW = 1_800_000_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = verificationKey('k1', rsa.publicKey);
const secret = createSecretKey(randomBytes(32));

const sign = (claims: object = {}, header: object = {}, alg = 'RS256', by = rsa.privateKey): Promise<string> =>
  new SignJWT({ iss: 'https://a', aud: ['x', 'y'], exp: NOW + 60, iat: NOW - 60, ...claims })
    .setProtectedHeader({ alg, kid: 'k1', ...header })
    .sign(by);

const verdict = (token: string, expected: Expectations = {}): Verdict =>
  verifyOffline(token, (kid) => (kid === undefined || kid === 'k1' ? key : undefined), expected, NOW);

const reason = (answer: Verdict): string => (answer.accepted ? 'accepted' : answer.reason);

describe('verifying a token offline', () => {
  it('accepts what is signed and in time', async () => {
    const answer = verdict(await sign({ sub: 'me' }), {
      issuer: 'https://a',
      audience: 'y',
      algorithms: ['RS256'],
      maxAgeSeconds: 60,
    });
    expect(answer).toMatchObject({ accepted: true, claims: { sub: 'me' } });
  });

  it.each<[string, object, Expectations]>([
    ['expired', { exp: NOW }, {}],
    ['not_yet_valid', { nbf: NOW + 6 }, {}],
    ['not_yet_valid', { iat: NOW + 6 }, {}],
    ['too_old', {}, { maxAgeSeconds: 59 }],
    ['too_old', { iat: undefined }, { maxAgeSeconds: 59 }],
    ['wrong_issuer', {}, { issuer: 'https://b' }],
    ['wrong_issuer', { iss: undefined }, { issuer: 'https://b' }],
    ['wrong_audience', {}, { audience: 'z' }],
    ['wrong_audience', { aud: undefined }, { audience: 'z' }],
    ['malformed', { exp: undefined }, {}],
    ['malformed', { exp: '2000000000' }, {}],
    ['malformed', { nbf: 'now' }, {}],
    ['bad_signature', {}, { algorithms: ['ES256'] }],
  ])('says %s', async (expected, claims, expectations) => {
    expect(reason(verdict(await sign(claims), expectations))).toBe(expected);
  });

  it.each(['exp', 'iat', 'nbf'])('takes no %s that is infinite', (claim) => {
    const payload = `{"exp":${(NOW + 60).toString()},"${claim}":1e999}`.replace(/^\{"exp":\d+,"exp"/, '{"exp"');
    const input = [JSON.stringify({ alg: 'RS256', kid: 'k1' }), payload].map((part) =>
      Buffer.from(part).toString('base64url'),
    );
    const signature = signWith('sha256', Buffer.from(input.join('.')), rsa.privateKey).toString('base64url');
    expect(reason(verdict([...input, signature].join('.')))).toBe('malformed');
  });

  it('takes no algorithm from the token', async () => {
    expect(reason(verdict(new UnsecuredJWT({ exp: NOW + 60 }).encode()))).not.toBe('accepted');
    const confused = await sign({}, {}, 'HS256', secret);
    expect(reason(verdict(confused))).toBe('bad_signature');
    expect(reason(verdict(await sign({}, {}, 'PS256')))).toBe('bad_signature');
  });

  it('tells an unknown key from a bad signature, and both from what is no token', async () => {
    const token = await sign();
    expect(reason(verdict(await sign({}, { kid: 'k2' })))).toBe('unknown_key');
    expect(reason(verdict(`${token.slice(0, -4)}AAAA`))).toBe('bad_signature');
    expect(reason(verdict('a.b.c'))).toBe('malformed');
    expect(reason(verdict(''))).toBe('malformed');
  });
});
