import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DER, within, readDer, smallInteger, writeDer, writeInteger } from './der.js';
import { decryptPkcs8, encryptPkcs8 } from './encrypted-pkcs8.js';
import { KeyRefused } from './key-refused.js';

const PASSPHRASE = 'pässphrase with ünicode';
const { privateKey } = generateKeyPairSync('ed25519');
const plain = privateKey.export({ format: 'der', type: 'pkcs8' });

const byOpenssl = (cipher: string): Buffer =>
  privateKey.export({ format: 'der', type: 'pkcs8', cipher, passphrase: PASSPHRASE });

describe('encrypted PKCS#8', () => {
  it('is read by OpenSSL', async () => {
    const der = await encryptPkcs8(plain, PASSPHRASE);
    const read = createPrivateKey({ key: der, format: 'der', type: 'pkcs8', passphrase: PASSPHRASE });
    expect(read.equals(privateKey)).toBe(true);
  });

  it('is read as OpenSSL writes it', async () => {
    expect(await decryptPkcs8(byOpenssl('aes-256-cbc'), PASSPHRASE)).toEqual(plain);
  });

  it('is derived with 600,000 iterations', async () => {
    const [algorithm] = within(readDer(await encryptPkcs8(plain, PASSPHRASE))[0], DER.sequence);
    const [kdf] = within(within(algorithm, DER.sequence)[1], DER.sequence);
    expect(smallInteger(within(within(kdf, DER.sequence)[1], DER.sequence)[1])).toBe(600_000);
  });

  it.each(['', 'another', PASSPHRASE.toUpperCase()])('is not opened by %j', async (passphrase) => {
    await expect(decryptPkcs8(byOpenssl('aes-256-cbc'), passphrase)).rejects.toMatchObject({
      code: 'passphrase_wrong',
    });
  });

  it.each(['aes-128-cbc', 'des-ede3-cbc'])('with %s is refused', async (cipher) => {
    await expect(decryptPkcs8(byOpenssl(cipher), PASSPHRASE)).rejects.toMatchObject({ code: 'unsupported_encryption' });
  });

  it('that would take very long to derive is refused at once', async () => {
    const der = byOpenssl('aes-256-cbc');
    const slow = Buffer.from(der.toString('hex').replace('02020800', '02027fff'), 'hex');
    await expect(decryptPkcs8(slow, PASSPHRASE)).rejects.toMatchObject({ code: 'passphrase_wrong' });
    const prf = writeDer(DER.sequence, writeDer(DER.oid, Buffer.from('2a864886f70d0209', 'hex')), writeDer(DER.null));
    const named = (oid: string, parameters: Buffer): Buffer =>
      writeDer(DER.sequence, writeDer(DER.oid, Buffer.from(oid, 'hex')), parameters);
    const kdf = writeDer(DER.sequence, writeDer(DER.octets, Buffer.alloc(8)), writeInteger(2 ** 31 - 1), prf);
    const scheme = writeDer(
      DER.sequence,
      named('2a864886f70d01050c', kdf),
      named('60864801650304012a', writeDer(DER.octets, Buffer.alloc(16))),
    );
    const endless = writeDer(DER.sequence, named('2a864886f70d01050d', scheme), writeDer(DER.octets, Buffer.alloc(48)));
    await expect(decryptPkcs8(endless, PASSPHRASE)).rejects.toMatchObject({ code: 'unsupported_encryption' });
  });

  // CBC authenticates nothing: an altered vector alters the plaintext. What came out must still make a key.
  it('gives bytes or is refused, whatever was done to it', async () => {
    const der = byOpenssl('aes-256-cbc');
    await fc.assert(
      fc.asyncProperty(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const altered = Buffer.from(der);
        altered[at] = (altered[at] ?? 0) ^ by;
        expect(await outcomeOf(altered)).toMatch(/^(bytes|refused)$/);
      }),
    );
  });

  it('is refused, wherever it was cut off, and whatever else it is', async () => {
    const der = byOpenssl('aes-256-cbc');
    for (let end = 0; end < der.length; end++) expect(await outcomeOf(der.subarray(0, end))).toBe('refused');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await outcomeOf(Buffer.from(bytes))).toBe('refused');
      }),
    );
  });
});

async function outcomeOf(der: Buffer): Promise<string> {
  try {
    await decryptPkcs8(der, PASSPHRASE);
    return 'bytes';
  } catch (error) {
    return error instanceof KeyRefused ? 'refused' : String(error);
  }
}

describe('DER', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.uint8Array({ maxLength: 70_000 }), (value, bytes) => {
        const content = Buffer.from(bytes);
        const [number, octets] = within(
          readDer(writeDer(DER.sequence, writeInteger(value), writeDer(DER.octets, content)))[0],
          DER.sequence,
        );
        expect(smallInteger(number)).toBe(value);
        expect(octets).toEqual({ tag: DER.octets, content });
      }),
    );
  });
});
