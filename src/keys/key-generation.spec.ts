import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { generateSigningKey, thumbprint } from './key-generation.js';

describe('generating signing keys', () => {
  it.each([
    ['RS256', 'RSA', 2048],
    ['PS256', 'RSA', 2048],
    ['ES256', 'P-256', null],
    ['ES384', 'P-384', null],
    ['ES512', 'P-521', null],
    ['EdDSA', 'Ed25519', null],
  ] as const)('%s asks for %s', async (algorithm, kind, bits) => {
    const key = await generateSigningKey(algorithm);
    expect(key.publicJwk['crv'] ?? key.publicJwk['kty']).toBe(kind);
    expect(key.privateKey.asymmetricKeyDetails?.modulusLength ?? null).toBe(bits);
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
    expect(Object.keys(key.publicJwk)).not.toContain('d');
  });

  it('computes the thumbprint of RFC 7638 section 3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
      'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj' +
      'rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    expect(thumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
  });

  it('makes another key each time', async () => {
    const [a, b] = [await generateSigningKey('EdDSA'), await generateSigningKey('EdDSA')];
    expect(a.kid).not.toBe(b.kid);
    expect(createPublicKey(a.privateKey).equals(createPublicKey(b.privateKey))).toBe(false);
  });
});
