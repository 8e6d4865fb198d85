import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Problem } from '../common/problem.js';
import { thumbprint } from '../keys/key-generation.js';
import { MOST_KEYS, readRegisteredKeys } from './registered-keys.js';

type Jwk = Record<string, string>;

const jwkOf = (key: KeyObject): Jwk => key.export({ format: 'jwk' }) as Jwk;
const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ec = pair();
const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 }).publicKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;

function refusal(keys: unknown[]): unknown {
  try {
    return readRegisteredKeys(keys, 'keys');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect(error.getStatus()).toBe(400);
    return error.extras.errors;
  }
}

describe('readRegisteredKeys', () => {
  it('keeps what it takes to verify, names the key and says its algorithm', () => {
    const jwk = jwkOf(ec.publicKey);
    const given = { ...jwk, kid: '2026-01', use: 'sig', x5c: ['MIIB'], ext: true };
    expect(readRegisteredKeys([given], 'keys')).toEqual([{ ...jwk, kid: '2026-01', alg: 'ES256', use: 'sig' }]);
    const [registered] = readRegisteredKeys([jwk], 'keys');
    expect(registered).toMatchObject({ kid: thumbprint(jwk) });
    expect(createPublicKey({ key: registered ?? {}, format: 'jwk' }).equals(ec.publicKey)).toBe(true);
  });

  it.each([
    ['RS256', rsa, {}],
    ['PS256', rsa, { alg: 'PS256' }],
    ['RS512', rsa, { alg: 'RS512' }],
    ['RS256', rsa4096, { alg: 'RS256' }],
    ['RS512', rsa4096, {}],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, {}],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey, {}],
    ['EdDSA', generateKeyPairSync('ed25519').publicKey, {}],
  ])('takes keys for %s', (alg, key, says) => {
    expect(readRegisteredKeys([{ ...jwkOf(key), ...says }], 'keys')).toMatchObject([{ alg }]);
  });

  it.each<[string, unknown]>([
    ['a private key', jwkOf(ec.privateKey)],
    ['PEM', ec.publicKey.export({ format: 'pem', type: 'spki' })],
    ['PEM within a member', { kty: 'EC', x: ec.publicKey.export({ format: 'pem', type: 'spki' }) }],
    ['a private half, alone among public ones', { ...jwkOf(ec.publicKey), d: null }],
    ['a secret', { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') }],
    ['a small RSA key', jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['an exponent of one', { ...jwkOf(rsa), e: 'AQ' }],
    ['a curve of another kind', { ...jwkOf(ec.publicKey), crv: 'secp256k1' }],
    ['a point off its curve', { ...jwkOf(ec.publicKey), y: jwkOf(pair().publicKey)['y'] }],
    ['a key for encryption', { ...jwkOf(ec.publicKey), use: 'enc' }],
    ['a key to agree on keys with', jwkOf(generateKeyPairSync('x25519').publicKey)],
    ['an algorithm that is not the key’s', { ...jwkOf(ec.publicKey), alg: 'ES384' }],
    ['a published key', { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
    ['a name that is none', { ...jwkOf(ec.publicKey), kid: 'a b' }],
    ['a name that is no text', { ...jwkOf(ec.publicKey), kid: 7 }],
    ['a list', [jwkOf(ec.publicKey)]],
    ['a text', 'x'],
    ['null', null],
    ['nothing', {}],
  ])('refuses %s', (_what, jwk) => {
    expect(refusal([jwk])).toEqual([{ field: 'keys.0', message: expect.any(String) as unknown }]);
  });

  it('says of each key what is wrong with it', () => {
    const errors = refusal([jwkOf(pair().publicKey), {}, jwkOf(ec.publicKey), jwkOf(ec.privateKey)]);
    expect(errors).toMatchObject([{ field: 'keys.1' }, { field: 'keys.3' }]);
  });

  it('refuses two of one name, one key twice, and too many', () => {
    const [one, other] = [jwkOf(pair().publicKey), jwkOf(pair().publicKey)];
    expect(
      refusal([
        { ...one, kid: 'k' },
        { ...other, kid: 'k' },
      ]),
    ).toMatchObject([{ field: 'keys.1' }]);
    expect(refusal([one, { ...one, kid: 'another' }])).toMatchObject([{ field: 'keys.1' }]);
    const many = Array.from({ length: MOST_KEYS + 1 }, () => jwkOf(pair().publicKey));
    expect(readRegisteredKeys(many.slice(1), 'keys')).toHaveLength(MOST_KEYS);
    expect(refusal(many)).toMatchObject([{ field: 'keys' }]);
  });

  it('never repeats what it was given', () => {
    const { d = '' } = jwkOf(ec.privateKey);
    expect(JSON.stringify(refusal([jwkOf(ec.privateKey)]))).not.toContain(d);
  });
});
