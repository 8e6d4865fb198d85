import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlgorithm } from '../../config/env.js';
import { sha256 } from '../common/secrets.js';

const generate = promisify(generateKeyPair);

export interface GeneratedKey {
  /** RFC 7638 thumbprint, so that a name never stands for two keys. */
  kid: string;
  algorithm: SigningAlgorithm;
  publicJwk: Record<string, string>;
  privateKey: KeyObject;
}

/** The key that an algorithm asks for: the algorithm belongs to the key, and the strengths of both match. */
export async function generateSigningKey(algorithm: SigningAlgorithm): Promise<GeneratedKey> {
  const privateKey = await generatePrivateKey(algorithm);
  const publicJwk = createPublicKey(privateKey).export({ format: 'jwk' }) as Record<string, string>;
  return { kid: thumbprint(publicJwk), algorithm, publicJwk, privateKey };
}

async function generatePrivateKey(algorithm: SigningAlgorithm): Promise<KeyObject> {
  switch (algorithm) {
    case 'RS256':
    case 'PS256':
      return rsa(2048);
    case 'RS384':
    case 'PS384':
      return rsa(3072);
    case 'RS512':
    case 'PS512':
      return rsa(4096);
    case 'ES256':
      return ec('P-256');
    case 'ES384':
      return ec('P-384');
    case 'ES512':
      return ec('P-521');
    case 'EdDSA':
      return (await generate('ed25519')).privateKey;
  }
}

async function rsa(modulusLength: number): Promise<KeyObject> {
  return (await generate('rsa', { modulusLength, publicExponent: 65537 })).privateKey;
}

async function ec(namedCurve: string): Promise<KeyObject> {
  return (await generate('ec', { namedCurve })).privateKey;
}

/** The members that RFC 7638 section 3.2 (and RFC 8037 for OKP) names, in lexicographic order. */
const THUMBPRINT_MEMBERS: Record<string, readonly string[]> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
};

/** RFC 7638: SHA-256 over the required members in lexicographic order, as base64url. */
export function thumbprint(jwk: Record<string, string>): string {
  const members = THUMBPRINT_MEMBERS[jwk['kty'] ?? ''];
  if (!members) throw new TypeError(`no thumbprint is defined for the key type ${jwk['kty'] ?? '(none)'}`);
  const required = Object.fromEntries(members.map((member) => [member, jwk[member]]));
  return sha256(JSON.stringify(required)).toString('base64url');
}
