import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

type Json = Record<string, unknown>;

const PRESENT = 0x01;
const VERIFIED = 0x04;
const WITH_CREDENTIAL = 0x40;

/** An authenticator and a browser in one, for tests that have no Chromium: one ES256 credential. */
export class SoftwarePasskey {
  private readonly id = randomBytes(32);
  private readonly privateKey: KeyObject;
  private readonly coordinates: [Buffer, Buffer];
  private userHandle = '';
  private counter = 0;
  /** Whether it makes sure of its user. */
  verifies = true;

  constructor(private readonly origin: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    this.privateKey = privateKey;
    this.coordinates = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  }

  /** @param format of the attestation: with another than `none` it says something of its maker, in a certificate that is none */
  create(options: Json, format = 'none'): Json {
    this.userHandle = String((options['user'] as Json)['id']);
    const length = Buffer.from([0, this.id.length]);
    const credential = Buffer.concat([Buffer.alloc(16), length, this.id, this.coseKey()]);
    const data = Buffer.concat([this.data(WITH_CREDENTIAL), credential]);
    const statement = format === 'none' ? [0xa0] : [0xa1, ...word('x5c'), 0x81, 0x43, 1, 2, 3];
    const head = Buffer.from([
      0xa3,
      ...word('fmt'),
      ...word(format),
      ...word('attStmt'),
      ...statement,
      ...word('authData'),
    ]);
    const attestationObject = Buffer.concat([head, Buffer.from([0x58, data.length]), data]);
    return this.answer({
      clientDataJSON: this.clientData('webauthn.create', options).toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
    });
  }

  get(options: Json): Json {
    const data = this.data(0);
    const clientData = this.clientData('webauthn.get', options);
    const signed = Buffer.concat([data, sha256(clientData)]);
    return this.answer({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', signed, this.privateKey).toString('base64url'),
      userHandle: this.userHandle,
    });
  }

  private answer(response: Json): Json {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  private clientData(type: string, { challenge }: Json): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  private data(flags: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(++this.counter);
    return Buffer.concat([
      sha256(Buffer.from(new URL(this.origin).hostname)),
      Buffer.from([flags | PRESENT | (this.verifies ? VERIFIED : 0)]),
      counter,
    ]);
  }

  /** A COSE key as CBOR: EC2, ES256, P-256 (RFC 9053 section 7.1). */
  private coseKey(): Buffer {
    const [x, y] = this.coordinates;
    const head = Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32]);
    return Buffer.concat([head, x, Buffer.from([0x22, 0x58, 32]), y]);
  }
}

/** Text as CBOR, shorter than 24 bytes. */
function word(text: string): number[] {
  return [0x60 + text.length, ...Buffer.from(text)];
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
