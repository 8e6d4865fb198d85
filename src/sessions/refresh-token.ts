import { randomBytes } from 'node:crypto';
import { parse as uuidBytes, stringify as uuidText } from 'uuid';
import { hmacSha256, secretsEqual, sha256 } from '../common/secrets.js';

/**
 * A refresh token: `prt_` and, as base64url, the session (16 bytes), the generation (4), a secret (32) and a MAC over them (16). To clients it is opaque.
 *
 * The first secret of a session is random; each later one is derived from its predecessor under a server key. So concurrent refreshes
 * with one token arrive at the same successor although only a hash is stored, and whoever has the database cannot compute it. The MAC
 * tells a token that was once issued, however old, from an invented one: only the former may end a session as reused.
 */
export interface RefreshToken {
  sessionId: string;
  generation: number;
  secret: Buffer;
}

/** Server secrets: one to derive successors, one for the MAC. */
export interface RefreshTokenKeys {
  successor: Buffer;
  mac: Buffer;
}

const PREFIX = 'prt_';
const SECRET_BYTES = 32;
const MAC_BYTES = 16;
const BODY_BYTES = 16 + 4 + SECRET_BYTES;
const SHAPE = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{${Math.ceil(((BODY_BYTES + MAC_BYTES) * 4) / 3)}}$`);

export function firstRefreshToken(sessionId: string): RefreshToken {
  return { sessionId, generation: 0, secret: randomBytes(SECRET_BYTES) };
}

export function successorOf(token: RefreshToken, keys: RefreshTokenKeys): RefreshToken {
  return {
    sessionId: token.sessionId,
    generation: token.generation + 1,
    secret: hmacSha256(keys.successor, bodyOf(token)),
  };
}

export function encodeRefreshToken(token: RefreshToken, keys: RefreshTokenKeys): string {
  const body = bodyOf(token);
  return PREFIX + Buffer.concat([body, macOf(body, keys)]).toString('base64url');
}

/** The token, if this service issued it; else null. Says nothing about whether it may still be used. */
export function decodeRefreshToken(text: string, keys: RefreshTokenKeys): RefreshToken | null {
  if (!SHAPE.test(text)) return null;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  const body = bytes.subarray(0, BODY_BYTES);
  if (!secretsEqual(bytes.subarray(BODY_BYTES), macOf(body, keys))) return null;
  return {
    sessionId: uuidText(body.subarray(0, 16)),
    generation: body.readUInt32BE(16),
    secret: Buffer.from(body.subarray(20)),
  };
}

/** What is stored: SHA-256 is enough for 256 random bits. */
export function refreshTokenHash(token: RefreshToken): Buffer {
  return sha256(bodyOf(token));
}

function bodyOf({ sessionId, generation, secret }: RefreshToken): Buffer {
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(generation);
  return Buffer.concat([uuidBytes(sessionId), counter, secret]);
}

function macOf(body: Buffer, keys: RefreshTokenKeys): Buffer {
  return hmacSha256(keys.mac, body).subarray(0, MAC_BYTES);
}
