import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { verificationKey, type VerificationKey } from '../algorithms.js';

interface KeyPair {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Ed25519 keys: one signs, and those before it stay published. */
export class FakeKeys {
  #published: KeyPair[] = [];
  #signing = this.#add();

  get kid(): string {
    return this.#signing.kid;
  }

  rotate(): void {
    this.#signing = this.#add();
  }

  /** No longer published; where it signed, another takes its place at once. */
  revoke(kid: string): void {
    this.#published = this.#published.filter((key) => key.kid !== kid);
    if (kid === this.kid) this.rotate();
  }

  find(kid: string): VerificationKey | undefined {
    const key = this.#published.find((one) => one.kid === kid);
    return key && verificationKey(kid, key.publicKey);
  }

  /** RFC 7517 section 5. */
  jwks(): object {
    const keys = this.#published.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      use: 'sig',
      alg: 'EdDSA',
    }));
    return { keys };
  }

  sign(typ: string, claims: object): string {
    const { kid, privateKey } = this.#signing;
    const input = `${encoded({ alg: 'EdDSA', kid, typ })}.${encoded(claims)}`;
    return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
  }

  #add(): KeyPair {
    const key = { kid: randomUUID(), ...generateKeyPairSync('ed25519') };
    this.#published.push(key);
    return key;
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
