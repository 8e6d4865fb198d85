import { KeyRefused } from './key-refused.js';

/** What of DER (X.690) is needed to read and write how a private key is encrypted; keys themselves are left to OpenSSL. */
export interface DerElement {
  tag: number;
  content: Buffer;
}

export const DER = { integer: 0x02, octets: 0x04, null: 0x05, oid: 0x06, sequence: 0x30 } as const;

/**
 * The elements that stand side by side in these bytes.
 *
 * @throws KeyRefused
 */
export function readDer(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const [start, length] = lengthAt(bytes, at + 1);
    const content = bytes.subarray(start, start + length);
    if (content.length < length) throw malformed();
    elements.push({ tag: bytes.readUInt8(at), content });
    at = start + length;
  }
  return elements;
}

/** Where the content of an element begins, and how long it is. */
function lengthAt(bytes: Buffer, at: number): [start: number, length: number] {
  const first = bytes[at];
  if (first === undefined) throw malformed();
  if (first < 0x80) return [at + 1, first];
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 1 + count > bytes.length) throw malformed();
  return [at + 1 + count, bytes.readUIntBE(at + 1, count)];
}

/** The elements within an element, which must be of this tag. */
export function within(element: DerElement | undefined, tag: number): DerElement[] {
  return readDer(contentOf(element, tag));
}

export function contentOf(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw malformed();
  return element.content;
}

/** A non-negative integer of at most 32 bits. */
export function smallInteger(element: DerElement | undefined): number {
  const content = contentOf(element, DER.integer);
  const digits = content[0] === 0 ? content.subarray(1) : content;
  if (content.length === 0 || digits.length > 4 || (content[0] ?? 0) >= 0x80) throw malformed();
  return digits.length === 0 ? 0 : digits.readUIntBE(0, digits.length);
}

export function writeDer(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const digits = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, content]);
}

/** A positive integer of at most 31 bits. */
export function writeInteger(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(value, 1);
  const first = bytes.findIndex((byte) => byte !== 0);
  return writeDer(DER.integer, bytes.subarray((bytes[first] ?? 0) >= 0x80 ? first - 1 : first));
}

function malformed(): KeyRefused {
  return new KeyRefused('malformed', 'This is not a key that can be read: its DER is broken.');
}
