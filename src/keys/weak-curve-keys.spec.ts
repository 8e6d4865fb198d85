import { createECDH, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assertSoundEd25519PublicKey, assertStrongCurvePrivateKey } from './weak-curve-keys.js';

const CURVES = [
  ['P-256', 'prime256v1', 32],
  ['P-384', 'secp384r1', 48],
  ['P-521', 'secp521r1', 66],
] as const;

function ecKey(crv: string, name: string, d: Buffer, point?: Buffer): KeyObject {
  const ecdh = createECDH(name);
  ecdh.setPrivateKey(d);
  const xy = (point ?? ecdh.getPublicKey()).subarray(1);
  const [x, y] = [xy.subarray(0, xy.length / 2), xy.subarray(xy.length / 2)];
  const text = (bytes: Buffer): string => bytes.toString('base64url');
  return createPrivateKey({ key: { kty: 'EC', crv, x: text(x), y: text(y), d: text(d) }, format: 'jwk' });
}

describe.each(CURVES)('an EC private key on %s', (crv, name, bytes) => {
  it('by OpenSSL is taken', () => {
    for (let i = 0; i < 50; i++) {
      assertStrongCurvePrivateKey(generateKeyPairSync('ec', { namedCurve: crv }).privateKey);
    }
  });

  it('with the point of another key is refused', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: crv });
    const d = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
    const stranger = createECDH(name);
    const key = ecKey(crv, name, d, stranger.generateKeys());
    expect(() => assertStrongCurvePrivateKey(key)).toThrow(expect.objectContaining({ code: 'inconsistent' }));
  });

  it('that somebody could guess is refused', () => {
    const one = Buffer.alloc(bytes);
    one.writeUInt8(1, bytes - 1);
    const repeated = Buffer.alloc(bytes, 0x17);
    repeated[0] = 0;
    for (const d of [one, repeated]) {
      expect(() => assertStrongCurvePrivateKey(ecKey(crv, name, d))).toThrow(
        expect.objectContaining({ code: 'guessable' }),
      );
    }
  });
});

describe('an Ed25519 private key', () => {
  it('by OpenSSL is taken', () => {
    for (let i = 0; i < 200; i++) assertStrongCurvePrivateKey(generateKeyPairSync('ed25519').privateKey);
  });

  it('of zeros is refused', () => {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32)]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    expect(() => assertStrongCurvePrivateKey(key)).toThrow(expect.objectContaining({ code: 'guessable' }));
  });
});

describe('an Ed25519 public key', () => {
  const keyOf = (x: Buffer): KeyObject =>
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') }, format: 'jwk' });
  const codeOf = (x: Buffer): string => {
    try {
      assertSoundEd25519PublicKey(keyOf(x));
      return 'taken';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('by OpenSSL is taken', () => {
    for (let i = 0; i < 50; i++) assertSoundEd25519PublicKey(generateKeyPairSync('ed25519').publicKey);
  });

  // The encodings of the points of order 1, 2, 4 and 8 (RFC 8032 section 5.1.2), with either sign of x.
  it.each([
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  ])('of small order (%s) is refused', (hex) => {
    expect(codeOf(Buffer.from(hex, 'hex'))).toBe('guessable');
  });

  it('that is no point, as about half of all bytes are, is refused', () => {
    const outcomes = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const y = Buffer.alloc(32);
      y.writeUInt32LE(i + 2);
      const code = codeOf(y);
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(['inconsistent', 'taken']);
    expect(outcomes.get('inconsistent')).toBeGreaterThan(120);
    expect(outcomes.get('taken')).toBeGreaterThan(120);
  });

  it('that is not reduced modulo p is refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0xed, max: 0xff }), fc.boolean(), (low, sign) => {
        const x = Buffer.alloc(32, 0xff);
        x.writeUInt8(low, 0);
        x.writeUInt8(sign ? 0xff : 0x7f, 31);
        expect(codeOf(x)).toBe('inconsistent');
      }),
    );
  });
});
