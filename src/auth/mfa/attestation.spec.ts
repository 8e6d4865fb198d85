import { describe, expect, it } from '@jest/globals';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';
import fc from 'fast-check';
import { withoutAttestation } from './attestation.js';

const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
const bytes = (value: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(
      value.length < 24
        ? [0x40 + value.length]
        : value.length < 256
          ? [0x58, value.length]
          : [0x59, value.length >> 8, value.length & 0xff],
    ),
    value,
  ]);

/** An attestation object as CBOR, with a statement of its maker's. */
function attested(format: string, data: Uint8Array): string {
  return Buffer.concat([
    Buffer.from([0xa3]),
    text('fmt'),
    text(format),
    text('attStmt'),
    Buffer.from([0xa1]),
    text('x5c'),
    bytes(Buffer.from('a certificate')),
    text('authData'),
    bytes(data),
  ]).toString('base64url');
}

const decoded = (attestationObject: string) =>
  decodeAttestationObject(Uint8Array.from(Buffer.from(attestationObject, 'base64url')));

describe('withoutAttestation', () => {
  it('keeps what the authenticator says of the passkey, and nothing that its maker says, whatever the format', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('none', 'packed', 'tpm', 'apple', 'android-key', 'android-safetynet', 'fido-u2f'),
        fc.uint8Array({ maxLength: 2_000 }),
        (format, data) => {
          const object = decoded(withoutAttestation(attested(format, data)) ?? '');
          expect(object.get('fmt')).toBe('none');
          expect(object.get('attStmt')).toEqual(new Map());
          expect(Buffer.from(object.get('authData'))).toEqual(Buffer.from(data));
        },
      ),
    );
  });

  it.each([
    ['nothing', ''],
    ['no CBOR', '_w'],
    ['no map', 'AA'],
    ['a map without it', 'oA'],
  ])('refuses %s', (_, object) => {
    expect(withoutAttestation(object)).toBeNull();
  });

  it('refuses or reads whatever is sent, and does not throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const read = withoutAttestation(Buffer.from(noise).toString('base64url'));
        if (read !== null) expect(decoded(read).get('fmt')).toBe('none');
      }),
    );
    // 60,000 lists in one another.
    expect(withoutAttestation(Buffer.alloc(60_000, 0x81).toString('base64url'))).toBeNull();
  });
});
