import { DER, contentOf, readDer, within, type DerElement } from './der.js';
import { KeyRefused } from './key-refused.js';

/** 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 section 2.1.1). */
const EC_PUBLIC_KEY = Buffer.from('2a8648ce3d0201', 'hex');
const BIT_STRING = 0x03;
/** `[0]` and `[1]` of ECPrivateKey (RFC 5915 section 3). */
const PARAMETERS = 0xa0;
const PUBLIC_KEY = 0xa1;

/**
 * That an EC key says its curve by name, and that its point is one of a curve. OpenSSL reads more than that, such as the point at infinity and curves spelt
 * out, but Node ends the whole process when such a key is looked at, and so this must be known before.
 *
 * @param type of the structure: `spki` (RFC 5480), `pkcs8` (RFC 5958), `sec1` (RFC 5915)
 * @throws KeyRefused
 */
export function assertOrdinaryEcKey(der: Buffer, type: 'spki' | 'pkcs8' | 'sec1'): void {
  const elements = within(readDer(der)[0], DER.sequence);
  switch (type) {
    case 'sec1':
      assertOrdinarySec1(elements);
      return;
    case 'spki':
      assertNamedCurve(elements[0]);
      assertPoint(elements[1]);
      return;
    case 'pkcs8':
      assertNamedCurve(elements[1]);
      assertOrdinarySec1(within(readDer(contentOf(elements[2], DER.octets))[0], DER.sequence));
  }
}

function assertNamedCurve(identifier: DerElement | undefined): void {
  const [algorithm, curve] = within(identifier, DER.sequence);
  if (!contentOf(algorithm, DER.oid).equals(EC_PUBLIC_KEY)) {
    throw new KeyRefused('unsupported_type', 'EC keys are taken as id-ecPublicKey (RFC 5480), for no other purpose.');
  }
  assertIsName(curve);
}

function assertOrdinarySec1(elements: readonly DerElement[]): void {
  for (const element of elements) {
    if (element.tag === PARAMETERS) assertIsName(readDer(element.content)[0]);
    if (element.tag === PUBLIC_KEY) assertPoint(readDer(element.content)[0]);
  }
}

function assertIsName(curve: DerElement | undefined): void {
  if (curve?.tag === DER.oid) return;
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
