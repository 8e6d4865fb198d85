import { KeyRefused } from './key-refused.js';
import { isPublishedSecret } from './published-keys.js';

/**
 * The bytes of an HMAC secret that is given as base64 or base64url, with or without padding.
 *
 * @throws KeyRefused
 */
export function secretOfText(text: string): Buffer {
  if (isPublishedSecret(text))
    throw new KeyRefused('published', 'This secret is known to everyone: it stands in examples.');
  // Hexadecimal digits are base64 as well, of other bytes than were meant.
  if (/^([0-9a-f]{2})+$/.test(text) || /^([0-9A-F]{2})+$/.test(text)) {
    throw new KeyRefused(
      'malformed',
      'This looks like hexadecimal digits; give the secret as base64. "xxd -r -p | base64" converts it.',
    );
  }
  const bytes = Buffer.from(text, 'base64');
  const spellings = [bytes.toString('base64'), bytes.toString('base64url')];
  if (bytes.length === 0 || ![...spellings, spellings[0]?.replace(/=+$/, '')].includes(text)) {
    throw new KeyRefused('malformed', 'This is neither PEM, nor a JWK, nor base64.');
  }
  return bytes;
}
