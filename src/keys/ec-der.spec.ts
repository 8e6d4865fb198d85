import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DER, writeDer, writeInteger } from './der.js';
import { assertOrdinaryEcKey } from './ec-der.js';
import { importKey, importPublicKey } from './key-import.js';

const EC = writeDer(DER.oid, Buffer.from('2a8648ce3d0201', 'hex'));
/** id-ecDH (SEC 1 appendix C.1). */
const ECDH = writeDer(DER.oid, Buffer.from('2b8104010c', 'hex'));
const P256 = writeDer(DER.oid, Buffer.from('2a8648ce3d030107', 'hex'));
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const d = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
const point = Buffer.concat([Buffer.from([4]), Buffer.from('11'.repeat(64), 'hex')]);

const bits = (content: Buffer, unused = 0): Buffer => writeDer(0x03, Buffer.from([unused]), content);
const spki = (of: Buffer, curve = P256, algorithm = EC): Buffer =>
  writeDer(DER.sequence, writeDer(DER.sequence, algorithm, curve), bits(of));
const sec1 = (...rest: Buffer[]): Buffer => sec1Of(d, ...rest);
const sec1Of = (secret: Buffer, ...rest: Buffer[]): Buffer =>
  writeDer(DER.sequence, writeInteger(1), writeDer(DER.octets, secret), ...rest);
const pkcs8 = (inner: Buffer, curve = P256): Buffer =>
  writeDer(DER.sequence, writeInteger(0), writeDer(DER.sequence, EC, curve), writeDer(DER.octets, inner));
const named = (curve: Buffer): Buffer => writeDer(0xa0, curve);
const half = (of: Buffer): Buffer => writeDer(0xa1, bits(of));
const infinity = Buffer.from([0]);
const tooLong = Buffer.alloc(33, 1);
/** BER, which OpenSSL reads: an OCTET STRING made of others. */
const inPieces = (...rest: Buffer[]): Buffer =>
  writeDer(DER.sequence, writeInteger(1), writeDer(0x24, writeDer(DER.octets, tooLong)), ...rest);
const P384 = writeDer(DER.oid, Buffer.from('2b81040022', 'hex'));
/** Its parameters need not make sense: they are not looked at. */
const speltOut = writeDer(DER.sequence, writeInteger(1));

describe('an EC key', () => {
  it.each<['spki' | 'pkcs8' | 'sec1', KeyObject]>([
    ['spki', publicKey],
    ['pkcs8', privateKey],
    ['sec1', privateKey],
  ])('as OpenSSL writes it is taken: %s', (type, key) => {
    const options = { format: 'der', type } as { format: 'der'; type: 'spki' };
    expect(() => {
      assertOrdinaryEcKey(key.export(options), type);
    }).not.toThrow();
  });

  it.each<[string, 'spki' | 'pkcs8' | 'sec1', Buffer, string]>([
    ['infinity', 'spki', spki(infinity), 'malformed'],
    ['infinity', 'sec1', sec1(named(P256), half(infinity)), 'malformed'],
    ['infinity', 'pkcs8', pkcs8(sec1(half(infinity))), 'malformed'],
    ['nothing', 'spki', spki(Buffer.alloc(0)), 'malformed'],
    ['bits left over', 'spki', writeDer(DER.sequence, writeDer(DER.sequence, EC, P256), bits(point, 1)), 'malformed'],
    ['a hybrid form', 'spki', spki(Buffer.concat([Buffer.from([6]), point.subarray(1)])), 'malformed'],
    ['a curve spelt out', 'spki', spki(point, speltOut), 'unsupported_curve'],
    ['a curve spelt out', 'sec1', sec1(named(speltOut)), 'unsupported_curve'],
    ['a curve spelt out', 'pkcs8', pkcs8(sec1(), speltOut), 'unsupported_curve'],
    ['a curve spelt out inside', 'pkcs8', pkcs8(sec1(named(speltOut))), 'unsupported_curve'],
    ['a private half too long', 'sec1', sec1Of(tooLong, named(P256)), 'malformed'],
    ['a private half too long', 'pkcs8', pkcs8(sec1Of(tooLong)), 'malformed'],
    ['a private half too long for one of two curves', 'pkcs8', pkcs8(sec1Of(tooLong, named(P256)), P384), 'malformed'],
    ['a private half too long for one of two curves', 'pkcs8', pkcs8(sec1Of(tooLong, named(P384))), 'malformed'],
    ['no curve', 'spki', spki(point, Buffer.alloc(0)), 'unsupported_curve'],
    ['another purpose', 'spki', spki(point, P256, ECDH), 'unsupported_type'],
    ['no sequence', 'spki', writeDer(DER.octets, point), 'malformed'],
    ['nothing inside', 'pkcs8', writeDer(DER.sequence, writeInteger(0), writeDer(DER.sequence, EC, P256)), 'malformed'],
  ])('with %s is refused: %s', (_, type, der, code) => {
    expect(() => {
      assertOrdinaryEcKey(der, type);
    }).toThrow(expect.objectContaining({ code }));
  });

  // Node would end this process, and with it the service.
  it.each<[string, string, Buffer]>([
    ['PUBLIC KEY', 'the point at infinity', spki(infinity)],
    ['EC PRIVATE KEY', 'the point at infinity', sec1(named(P256), half(infinity))],
    ['PRIVATE KEY', 'the point at infinity', pkcs8(sec1(half(infinity)))],
    ['PUBLIC KEY', 'a curve spelt out', spki(infinity, speltOut)],
    ['EC PRIVATE KEY', 'a private half too long', sec1Of(tooLong, named(P256))],
    ['PRIVATE KEY', 'a private half too long', pkcs8(sec1Of(tooLong))],
    ['EC PRIVATE KEY', 'a private half in pieces', inPieces(named(P256))],
    ['PRIVATE KEY', 'a private half in pieces', pkcs8(inPieces())],
    ['EC PRIVATE KEY', 'a private half too long in PKCS#8', pkcs8(sec1Of(tooLong))],
    ['EC PRIVATE KEY', 'the point at infinity in PKCS#8', pkcs8(sec1(half(infinity)))],
  ])('is refused before Node looks at it: %s with %s', async (label, _, der) => {
    const pem = `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
    const refusal = { name: 'KeyRefused' };
    await expect(importKey(pem)).rejects.toMatchObject(refusal);
    expect(() => importPublicKey(pem)).toThrow(expect.objectContaining(refusal));
  });

  it.each([
    ['0', Buffer.alloc(32)],
    ['the order', Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')],
    ['more than the order', Buffer.alloc(32, 0xff)],
  ])('whose private half is %s is refused', async (_, secret) => {
    for (const [label, der] of [
      ['EC PRIVATE KEY', sec1Of(secret, named(P256))],
      ['PRIVATE KEY', pkcs8(sec1Of(secret))],
    ] as const) {
      const pem = `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
      await expect(importKey(pem)).rejects.toMatchObject({ name: 'KeyRefused' });
    }
  });

  it.each([
    ['P-256', 32],
    ['P-384', 48],
    ['P-521', 66],
  ])('on %s whose private half has another length than it must have is refused', async (namedCurve, length) => {
    const jwk = generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'jwk' });
    for (const size of [1, length - 1, length + 1, 80, 1000]) {
      const text = JSON.stringify({ ...jwk, d: Buffer.alloc(size, 1).toString('base64url') });
      await expect(importKey(text)).rejects.toMatchObject({ code: 'inconsistent' });
    }
  });
});
