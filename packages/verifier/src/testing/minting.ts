import { randomUUID } from 'node:crypto';
import { BROKER_TOKEN_TYPE, type SubjectPermissions, type TokenClaims } from '../claims.js';

/** What a token says; whatever is left out is plausible. Times are in seconds. */
export interface MintOptions {
  /** The user; `user-1` by default. */
  subject?: string;
  /** That of the issuer's options by default. */
  audience?: string | readonly string[];
  /** Who asked for the token; `portcullis`, which stands for a login, by default. */
  clientId?: string;
  /** Null for a token outside sessions. A new one by default. */
  sessionId?: string | null;
  /** When the user logged in, in a session: when the token was issued by default; seconds since 1970. */
  authTime?: number;
  /** By which methods (RFC 8176): `['pwd']` by default. */
  amr?: readonly string[];
  roles?: readonly string[];
  permissions?: readonly string[];
  /** The permissions by default. */
  scope?: string;
  /** The lifetime, 300 by default; 0 or less for a token that has expired. */
  expiresIn?: number;
  /** So long ago it was issued; 0 by default. */
  age?: number;
  /** Not accepted before so many seconds from now. */
  notBeforeIn?: number;
  tokenId?: string;
  /** Makes it the token of a message broker (`broker+jwt`) that permits these subjects. */
  subjects?: SubjectPermissions;
  /** Any claims, over all others; undefined leaves one out. */
  claims?: Record<string, unknown>;
}

export interface MintContext {
  readonly issuer: string;
  readonly audience: string;
  /** Seconds since 1970. */
  readonly now: number;
  readonly seq: number;
}

/** Header type and claims of a token, as the service would mint it. */
export function contentsOf(
  options: MintOptions,
  { issuer, audience, now, seq }: MintContext,
): { typ: string; claims: Partial<TokenClaims> } {
  const { permissions = [], sessionId = randomUUID(), expiresIn = 300, age = 0, notBeforeIn, subjects } = options;
  const iat = now - age;
  const claims: Partial<TokenClaims> = {
    iss: issuer,
    sub: options.subject ?? 'user-1',
    aud: options.audience ?? audience,
    exp: iat + expiresIn,
    iat,
    ...(notBeforeIn !== undefined && { nbf: now + notBeforeIn }),
    jti: options.tokenId ?? randomUUID(),
    client_id: options.clientId ?? 'portcullis',
    ...(sessionId !== null &&
      subjects === undefined && {
        sid: sessionId,
        auth_time: options.authTime ?? iat,
        amr: options.amr ?? ['pwd'],
      }),
    roles: options.roles ?? [],
    permissions: subjects ?? permissions,
    ...(subjects === undefined && { scope: options.scope ?? permissions.join(' ') }),
    as_of: seq,
    ...options.claims,
  };
  return { typ: subjects === undefined ? 'at+jwt' : BROKER_TOKEN_TYPE, claims };
}
