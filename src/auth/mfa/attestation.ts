import { decodeAttestationObject } from '@simplewebauthn/server/helpers';

/** `{"fmt": "none", "attStmt": {}, "authData": <bytes>}` up to the length of the bytes, in CBOR (RFC 8949). */
const NONE = Buffer.concat([
  Buffer.from([0xa3, 0x63]),
  Buffer.from('fmt'),
  Buffer.from([0x64]),
  Buffer.from('none'),
  Buffer.from([0x67]),
  Buffer.from('attStmt'),
  Buffer.from([0xa0, 0x68]),
  Buffer.from('authData'),
]);

/**
 * An attestation object without what its maker says of itself. Nobody here trusts any maker; but to check the statement of one means to
 * follow certificates that whoever sends it has written, to addresses that stand in them. Browsers leave it out when they are asked to, as they are here
 * (WebAuthn section 5.4.7); others may not.
 *
 * @param attestationObject in base64url
 * @returns the same form; null for what is no attestation object
 */
export function withoutAttestation(attestationObject: string): string | null {
  const data = authenticatorDataOf(attestationObject);
  if (data === null || data.length > 0xffff) return null;
  return Buffer.concat([NONE, headOf(data), data]).toString('base64url');
}

/** Of a byte string: its length, in the shortest form (RFC 8949 section 4.2.1). */
function headOf({ length }: Uint8Array): Buffer {
  if (length < 24) return Buffer.from([0x40 + length]);
  return Buffer.from(length < 256 ? [0x58, length] : [0x59, length >> 8, length & 0xff]);
}

function authenticatorDataOf(attestationObject: string): Uint8Array | null {
  try {
    const data: unknown = decodeAttestationObject(Uint8Array.from(Buffer.from(attestationObject, 'base64url'))).get(
      'authData',
    );
    return data instanceof Uint8Array ? data : null;
  } catch {
    return null;
  }
}
