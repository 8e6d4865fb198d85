import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import type { Algorithm } from '@portcullis/verifier';
import { signingAlgorithm, verificationAlgorithm, type VerificationWish } from './key-algorithm.js';

// Keys take long on a busy machine.
jest.setTimeout(60_000);

const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 }).publicKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const ed25519 = generateKeyPairSync('ed25519').publicKey;
const secret = createSecretKey(randomBytes(64));

const WRONG = expect.objectContaining({ code: 'wrong_algorithm' });

describe('a key that only verifies', () => {
  it.each<[string, KeyObject, string | undefined, VerificationWish, Algorithm]>([
    ['what it would sign with, where nothing is said', rsa4096, undefined, {}, 'RS512'],
    ['what its JWK says', rsa4096, 'RS256', {}, 'RS256'],
    ['what its JWK says, beyond its length as well', rsa2048, 'RS512', {}, 'RS512'],
    ['what its JWK says, with PSS', rsa4096, 'PS384', {}, 'PS384'],
    ['what its JWK says, whatever the operator allows', rsa4096, 'RS384', { algorithms: ['RS256'] }, 'RS384'],
    ['the only one that the operator has named', rsa4096, undefined, { algorithms: ['RS256'] }, 'RS256'],
    ['the only one of them that fits', rsa4096, undefined, { algorithms: ['ES256', 'RS256', 'HS256'] }, 'RS256'],
    ['what it would sign with, where none of them fits', rsa4096, undefined, { algorithms: ['ES256'] }, 'RS512'],
    ['PSS by its length', rsa4096, undefined, { pss: true }, 'PS512'],
    ['PSS as its JWK says', rsa4096, 'PS256', { pss: true }, 'PS256'],
    ['the one of its curve', p256, undefined, { algorithms: ['ES256', 'ES384'] }, 'ES256'],
    ['EdDSA by its other name', ed25519, 'Ed25519', {}, 'EdDSA'],
    ['a shorter hash than its secret is long', secret, undefined, { algorithms: ['HS256'] }, 'HS256'],
  ])('is for %s', (_, key, alg, wish, expected) => {
    expect(verificationAlgorithm(key, alg === undefined ? {} : { alg }, wish)).toBe(expected);
  });

  it.each<[string, KeyObject, string | undefined, VerificationWish]>([
    ['an algorithm of another kind', rsa4096, 'ES256', {}],
    ['a secret’s algorithm', rsa4096, 'HS256', {}],
    ['none', rsa4096, 'none', {}],
    ['encryption', rsa4096, 'RSA-OAEP', {}],
    ['another curve’s', p256, 'ES384', {}],
    ['more than one that the operator has named', rsa4096, undefined, { algorithms: ['RS256', 'RS512'] }],
    ['PSS where its JWK says otherwise', rsa4096, 'RS256', { pss: true }],
    ['PSS without being of RSA', p256, undefined, { pss: true }],
    ['more than its secret is long', createSecretKey(randomBytes(32)), 'HS512', {}],
  ])('is not for %s', (_, key, alg, wish) => {
    expect(() => verificationAlgorithm(key, alg === undefined ? {} : { alg }, wish)).toThrow(WRONG);
  });
});

describe('a key that signs', () => {
  it('has the algorithm of its kind and length', () => {
    expect(signingAlgorithm(rsa4096, {})).toBe('RS512');
    expect(signingAlgorithm(rsa4096, {}, true)).toBe('PS512');
    expect(signingAlgorithm(ed25519, { alg: 'Ed25519' })).toBe('EdDSA');
    expect(() => signingAlgorithm(rsa4096, { alg: 'RS256' })).toThrow(WRONG);
    expect(() => signingAlgorithm(p256, {}, true)).toThrow(WRONG);
  });
});
