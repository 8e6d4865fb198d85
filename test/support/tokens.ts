import { KeysService } from '../../src/keys/keys.service.js';
import type { TestApp } from './app.js';

type Json = Record<string, unknown>;

export function headerOf(token: string): Json {
  return part(token, 0);
}

/** What a token claims, unverified. */
export function claimsOf(token: string): Json {
  return part(token, 1);
}

/** The token that the service would have made of these claims: signed with its own key. */
export async function signedByService(app: TestApp, header: Json, claims: Json): Promise<string> {
  const input = `${encoded(header)}.${encoded(claims)}`;
  const signature = await app.nest.get(KeysService).sign(String(header['kid']), Buffer.from(input));
  return `${input}.${signature.toString('base64url')}`;
}

/** The token with some claims changed (`undefined` takes one out), signed anew with the service's own key. */
export function reissued(app: TestApp, token: string, claims: Json, header: Json = {}): Promise<string> {
  return signedByService(app, { ...headerOf(token), ...header }, { ...claimsOf(token), ...claims });
}

export function encoded(json: Json): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}

function part(token: string, index: number): Json {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString()) as Json;
}
