import { createHmac, createPublicKey, type KeyObject } from 'node:crypto';
import { KeysService } from '../../../src/keys/keys.service.js';
import type { TestApp } from '../../support/app.js';
import { claimsOf, headerOf } from '../../support/tokens.js';

type Json = Record<string, unknown>;

export const base64url = (bytes: string | Buffer): string => Buffer.from(bytes as string).toString('base64url');

/** What a forger has: a good token of somebody's, the published key, and a listener of his own. */
export class Forge {
  readonly header: Json;
  readonly claims: Json;
  /** The three parts of the good token. */
  readonly parts: [string, string, string];

  private constructor(
    private readonly app: TestApp,
    readonly token: string,
    readonly jwk: Record<string, string>,
    readonly jwks: string,
    readonly key: KeyObject,
    readonly trap: string,
  ) {
    this.header = headerOf(token);
    this.claims = claimsOf(token);
    this.parts = token.split('.') as [string, string, string];
  }

  static async with(app: TestApp, token: string, trap: string): Promise<Forge> {
    const jwks = await (await fetch(`${app.url}/.well-known/jwks.json`)).text();
    const [jwk = {}] = (JSON.parse(jwks) as { keys: Record<string, string>[] }).keys;
    return new Forge(app, token, jwk, jwks, createPublicKey({ key: jwk, format: 'jwk' }), trap);
  }

  /** The good token under another header, its signature left as it was. */
  reheaded(header: Json, signature = this.parts[2]): string {
    return `${this.encodedHeader(header)}.${this.parts[1]}.${signature}`;
  }

  /** The good header and payload with another signature. */
  resigned(signature: Buffer | string): string {
    return `${this.parts[0]}.${this.parts[1]}.${typeof signature === 'string' ? signature : base64url(signature)}`;
  }

  /** The good payload under this header, with an HMAC of whatever is thought to be the secret. */
  hmac(bits: 256 | 384 | 512, secret: string | Buffer, header: Json = {}): string {
    const input = `${this.encodedHeader({ alg: `HS${bits}`, ...header })}.${this.parts[1]}`;
    return `${input}.${createHmac(`sha${bits}`, secret).update(input).digest('base64url')}`;
  }

  /** Signs exactly this text with the service's own key: for what even the service must not be able to make. */
  async signed(header: string | Buffer, payload: string | Buffer): Promise<string> {
    const input = `${base64url(header)}.${base64url(payload)}`;
    const signature = await this.app.nest.get(KeysService).sign(String(this.header['kid']), Buffer.from(input));
    return `${input}.${signature.toString('base64url')}`;
  }

  signedHeader(header: Json): Promise<string> {
    return this.signed(JSON.stringify({ ...this.header, ...header }), JSON.stringify(this.claims));
  }

  signedClaims(claims: Json): Promise<string> {
    return this.signed(JSON.stringify(this.header), JSON.stringify({ ...this.claims, ...claims }));
  }

  /** Signed with the service's own key, and `member` in front of what is already in the payload. */
  signedPayloadText(change: (json: string) => string): Promise<string> {
    return this.signed(JSON.stringify(this.header), change(JSON.stringify(this.claims)));
  }

  encodedHeader(header: Json): string {
    return base64url(JSON.stringify({ ...this.header, ...header }));
  }
}
