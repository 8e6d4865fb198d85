import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v7 } from 'uuid';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  firstRefreshToken,
  refreshTokenHash,
  successorOf,
  type RefreshTokenKeys,
} from './refresh-token.js';

const keys: RefreshTokenKeys = { successor: Buffer.alloc(32, 1), mac: Buffer.alloc(32, 2) };
const otherMac: RefreshTokenKeys = { ...keys, mac: Buffer.alloc(32, 3) };
const otherSuccessor: RefreshTokenKeys = { ...keys, successor: Buffer.alloc(32, 3) };

describe('refresh tokens', () => {
  it('come back as they went out, over generations', () => {
    let token = firstRefreshToken(v7());
    for (let generation = 0; generation < 50; generation++) {
      expect(token.generation).toBe(generation);
      expect(decodeRefreshToken(encodeRefreshToken(token, keys), keys)).toEqual(token);
      token = successorOf(token, keys);
    }
  });

  it('have one successor, which only the server key gives', () => {
    const token = firstRefreshToken(v7());
    expect(successorOf(token, keys)).toEqual(successorOf(token, keys));
    expect(successorOf(token, keys).secret.equals(successorOf(token, otherSuccessor).secret)).toBe(false);
    expect(refreshTokenHash(token).equals(refreshTokenHash(successorOf(token, keys)))).toBe(false);
  });

  it('start from 256 random bits', () => {
    const id = v7();
    expect(firstRefreshToken(id).secret).toHaveLength(32);
    expect(firstRefreshToken(id).secret.equals(firstRefreshToken(id).secret)).toBe(false);
  });

  it('are refused when invented, altered in any character, or made under another key', () => {
    const text = encodeRefreshToken(firstRefreshToken(v7()), keys);
    expect(decodeRefreshToken(text, otherMac)).toBeNull();
    for (let i = 0; i < text.length; i++) {
      const altered = text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1);
      const decoded = decodeRefreshToken(altered, keys);
      // The last character holds bits that base64url does not use: altering those alone changes no byte.
      if (decoded) expect(encodeRefreshToken(decoded, keys)).toBe(text);
      else expect(decoded).toBeNull();
    }
  });

  it('are null for anything else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          fc.base64String({ maxLength: 120 }).map((s) => `prt_${s}`),
        ),
        (text) => {
          expect(decodeRefreshToken(text, keys)).toBeNull();
        },
      ),
    );
  });
});
