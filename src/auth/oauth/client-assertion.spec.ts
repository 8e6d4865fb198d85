import { createPrivateKey, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  claimedClientOf,
  readAssertion,
  verifyAssertion,
  type AcceptedAssertion,
  type AssertionRefusal,
} from './client-assertion.js';

const ISSUER = 'https://auth.example.org';
const NOW = 1_800_000_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const jwk = (key: KeyObject, rest: JsonWebKey = {}): JsonWebKey => ({ ...key.export({ format: 'jwk' }), ...rest });
const KEYS = [jwk(rsa.publicKey, { kid: 'rsa' }), jwk(ec.publicKey, { kid: 'ec' }), jwk(ed.publicKey, { kid: 'ed' })];
const CLAIMS = { iss: 'orders', sub: 'orders', aud: ISSUER, exp: NOW + 60, iat: NOW, jti: 'one' };

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

function assertion(claims: object, header: object = { alg: 'RS256', kid: 'rsa' }, key = rsa.privateKey): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function verdict(text: string, keys: JsonWebKey[] = KEYS): AcceptedAssertion | AssertionRefusal {
  const jws = readAssertion(text);
  const audiences = [ISSUER, `${ISSUER}/oauth/token`];
  return jws ? verifyAssertion(jws, { clientId: 'orders', keys, audiences, now: NOW }) : 'malformed';
}

describe('an assertion of a client', () => {
  it.each([
    ['by its RSA key', assertion(CLAIMS)],
    ['by its EC key', assertion(CLAIMS, { alg: 'ES256', kid: 'ec' }, ec.privateKey)],
    ['by its Ed25519 key', assertion(CLAIMS, { alg: 'EdDSA', kid: 'ed' }, ed.privateKey)],
    ['by its Ed25519 key, under its new name', assertion(CLAIMS, { alg: 'Ed25519', kid: 'ed' }, ed.privateKey)],
    ['without naming the key', assertion(CLAIMS, { alg: 'RS256' })],
    ['of the type JWT', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa', typ: 'JWT' })],
    ['of its own type', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa', typ: 'client-authentication+jwt' })],
    ['made out to the token endpoint', assertion({ ...CLAIMS, aud: `${ISSUER}/oauth/token` })],
    ['made out to a list of one', assertion({ ...CLAIMS, aud: [ISSUER] })],
    ['without iat', assertion({ ...CLAIMS, iat: undefined })],
    ['by a clock that is a little ahead', assertion({ ...CLAIMS, iat: NOW + 30, nbf: NOW + 30, exp: NOW + 630 })],
  ])('is accepted %s', (_, text) => {
    expect(verdict(text)).toMatchObject({ jti: 'one', expiresAt: expect.any(Number) });
  });

  it.each<[AssertionRefusal, string, string]>([
    ['wrong_type', 'an access token', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa', typ: 'at+jwt' })],
    ['unknown_key', 'a kid of nobody', assertion(CLAIMS, { alg: 'RS256', kid: 'x' })],
    ['unknown_key', 'another algorithm', assertion(CLAIMS, { alg: 'RS384', kid: 'rsa' })],
    ['unknown_key', 'the algorithm of another key', assertion(CLAIMS, { alg: 'ES256', kid: 'rsa' })],
    ['unknown_key', 'no algorithm', assertion(CLAIMS, { alg: 'none', kid: 'rsa' })],
    ['bad_signature', 'another key', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa' }, other.privateKey)],
    ['wrong_issuer', 'of another client', assertion({ ...CLAIMS, iss: 'billing', sub: 'billing' })],
    ['wrong_issuer', 'about another client', assertion({ ...CLAIMS, sub: 'billing' })],
    ['wrong_issuer', 'by another client', assertion({ ...CLAIMS, iss: 'billing' })],
    ['wrong_audience', 'for somebody else', assertion({ ...CLAIMS, aud: 'https://evil.test' })],
    ['wrong_audience', 'for somebody else as well', assertion({ ...CLAIMS, aud: [ISSUER, 'https://evil.test'] })],
    ['wrong_audience', 'for nearly us', assertion({ ...CLAIMS, aud: `${ISSUER}/` })],
    ['wrong_audience', 'for nobody', assertion({ ...CLAIMS, aud: undefined })],
    ['malformed', 'no exp', assertion({ ...CLAIMS, exp: undefined })],
    ['malformed', 'exp as text', assertion({ ...CLAIMS, exp: String(NOW + 60) })],
    ['malformed', 'iat as text', assertion({ ...CLAIMS, iat: '0' })],
    ['malformed', 'critical parameters', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa', crit: ['x'] })],
    ['malformed', 'a key of its own', assertion(CLAIMS, { alg: 'RS256', kid: 'rsa', jwk: jwk(rsa.publicKey) })],
    ['expired', 'exp now', assertion({ ...CLAIMS, exp: NOW })],
    ['lifetime_too_long', 'good for too long', assertion({ ...CLAIMS, exp: NOW + 631 })],
    ['not_yet_valid', 'iat ahead', assertion({ ...CLAIMS, iat: NOW + 31 })],
    ['not_yet_valid', 'nbf ahead', assertion({ ...CLAIMS, nbf: NOW + 31 })],
    ['jti_missing', 'no jti', assertion({ ...CLAIMS, jti: undefined })],
    ['jti_missing', 'an empty jti', assertion({ ...CLAIMS, jti: '' })],
    ['jti_missing', 'a jti that is too long', assertion({ ...CLAIMS, jti: 'x'.repeat(257) })],
    ['jti_missing', 'a jti with NUL', assertion({ ...CLAIMS, jti: 'a\0' })],
  ])('is refused as %s: %s', (refusal, _, text) => {
    expect(verdict(text)).toBe(refusal);
  });

  it('is held against the algorithm that its key was registered for', () => {
    const pss = [jwk(rsa.publicKey, { kid: 'rsa', alg: 'PS256' })];
    expect(verdict(assertion(CLAIMS), pss)).toBe('unknown_key');
  });

  it('cannot be signed with what everybody may read', () => {
    const text = assertion(CLAIMS, { alg: 'HS256', kid: 'rsa' });
    expect(verdict(text)).toBe('unknown_key');
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const key = createPrivateKey(weak.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    expect(verdict(assertion(CLAIMS, { alg: 'RS256', kid: 'w' }, key), [jwk(weak.publicKey, { kid: 'w' })])).toBe(
      'unknown_key',
    );
  });

  it('tries few keys when none is named', () => {
    const many = Array.from({ length: 5 }, () => jwk(other.publicKey));
    expect(verdict(assertion(CLAIMS, { alg: 'RS256' }), [...many.slice(1), KEYS[0] ?? {}])).toMatchObject({
      jti: 'one',
    });
    expect(verdict(assertion(CLAIMS, { alg: 'RS256' }), [...many, KEYS[0] ?? {}])).toBe('bad_signature');
  });

  it('names its client before anything is verified', () => {
    const jws = readAssertion(assertion({ ...CLAIMS, sub: 'billing' }, { alg: 'none' }));
    expect(jws && claimedClientOf(jws)).toBe('billing');
    expect(claimedClientOf({ ...jws, payload: { sub: 1 } } as never)).toBeUndefined();
  });

  it('is refused with any bit of it changed', () => {
    const good = assertion(CLAIMS);
    const position = fc.nat({ max: good.length - 1 });
    fc.assert(
      fc.property(position, fc.constantFrom('A', 'b', '-', '_', '.', ' ', '='), (at, letter) => {
        const text = good.slice(0, at) + letter + good.slice(at + 1);
        expect(text === good || typeof verdict(text) === 'string').toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
