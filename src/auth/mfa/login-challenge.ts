import { hmacSha256, randomSecret, secretsEqual } from '../../common/secrets.js';

const SHAPE = /^([\w-]{43})\.(\d{1,12})\.([\w-]{43})$/;

/**
 * A challenge for a login of which the user is not known yet: 256 random bits and its expiry, signed. Nothing is stored for it, so that asking, which anybody
 * may, fills no table. That it is used once is for whoever takes an answer to see to.
 *
 * @param expiresAt whole seconds since 1970
 */
export function newLoginChallenge(key: Buffer, expiresAt: number): string {
  const signed = `${randomSecret()}.${expiresAt.toString()}`;
  return `${signed}.${signatureOf(key, signed)}`;
}

/** When the challenge expires or has expired, seconds since 1970; null when it is none that was made here. */
export function expiryOf(key: Buffer, challenge: string): number | null {
  const [, random = '', expiresAt = '', signature = ''] = SHAPE.exec(challenge) ?? [];
  // As text, of which there is one: the last character of base64url has bits that no byte has.
  const right = signatureOf(key, `${random}.${expiresAt}`);
  return secretsEqual(Buffer.from(signature), Buffer.from(right)) ? Number(expiresAt) : null;
}

function signatureOf(key: Buffer, signed: string): string {
  return hmacSha256(key, signed).toString('base64url');
}
