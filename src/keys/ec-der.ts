import { DER, contentOf, readDer, within, type DerElement } from './der.js';
import { KeyRefused } from './key-refused.js';

/** 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 section 2.1.1). */
const EC_PUBLIC_KEY = Buffer.from('2a8648ce3d0201', 'hex');
const BIT_STRING = 0x03;
/** `[0]` and `[1]` of ECPrivateKey (RFC 5915 section 3). */
const PARAMETERS = 0xa0;
const PUBLIC_KEY = 0xa1;
/** Bytes of a private half, by the curve that is named (RFC 5480 section 2.1.1.1): P-256, P-384, P-521. Others are refused by their name. */
const LENGTHS = new Map([
  ['2a8648ce3d030107', 32],
  ['2b81040022', 48],
  ['2b81040023', 66],
]);

/**
 * That an EC key says its curve by name, that its point is one of a curve, and that its private half is no longer than the curve allows. OpenSSL reads more
 * than that, such as the point at infinity and curves spelt out, but Node ends the whole process when such a key is looked at, and so this must be known before.
 *
 * @param type of the structure: `spki` (RFC 5480), `pkcs8` (RFC 5958), `sec1` (RFC 5915)
 * @throws KeyRefused
 */
export function assertOrdinaryEcKey(der: Buffer, type: 'spki' | 'pkcs8' | 'sec1'): void {
  const elements = within(readDer(der)[0], DER.sequence);
  switch (type) {
    case 'sec1':
      assertOrdinarySec1(elements, undefined);
      return;
    case 'spki':
      assertNamedCurve(elements[0]);
      assertPoint(elements[1]);
      return;
    case 'pkcs8':
      assertOrdinarySec1(
        within(readDer(contentOf(elements[2], DER.octets))[0], DER.sequence),
        assertNamedCurve(elements[1]),
      );
  }
}

/** @returns the name of the curve, an OID */
function assertNamedCurve(identifier: DerElement | undefined): Buffer {
  const [algorithm, curve] = within(identifier, DER.sequence);
  if (!contentOf(algorithm, DER.oid).equals(EC_PUBLIC_KEY)) {
    throw new KeyRefused('unsupported_type', 'EC keys are taken as id-ecPublicKey (RFC 5480), for no other purpose.');
  }
  return nameOf(curve);
}

/** @param around the curve that is named outside, where one is */
function assertOrdinarySec1(elements: readonly DerElement[], around: Buffer | undefined): void {
  const curves = around ? [around] : [];
  for (const element of elements) {
    if (element.tag === PARAMETERS) curves.push(nameOf(readDer(element.content)[0]));
    if (element.tag === PUBLIC_KEY) assertPoint(readDer(element.content)[0]);
  }
  // By its place: OpenSSL also reads what is written in pieces, or is a PKCS#8 under the label of SEC1, and that would not be measured here.
  const { length } = contentOf(elements[1], DER.octets);
  if (curves.some((curve) => length > (LENGTHS.get(curve.toString('hex')) ?? Infinity))) {
    throw new KeyRefused('malformed', 'The private half of the EC key is longer than its curve allows.');
  }
}

function nameOf(curve: DerElement | undefined): Buffer {
  if (curve?.tag === DER.oid) return curve.content;
  throw new KeyRefused(
    'unsupported_curve',
    'The EC key spells its curve out, which RFC 5480 forbids. "openssl ec -param_enc named_curve" makes it name the curve.',
  );
}

/** SEC 1 section 2.3.3: whole or compressed. The single zero is infinity. */
function assertPoint(bits: DerElement | undefined): void {
  const [unused, form] = contentOf(bits, BIT_STRING);
  if (unused !== 0 || form === undefined || form < 2 || form > 4) {
    throw new KeyRefused('malformed', 'The public half of the EC key is not a point of its curve.');
  }
}
