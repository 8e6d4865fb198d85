import { randomBytes } from 'node:crypto';
import { sha256 } from '../../common/secrets.js';

export const RECOVERY_CODES = 10;

/** Crockford's base 32: no letter that is taken for a digit. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 120 bits, so that their plain hash may be stored (NIST SP 800-63B-4 section 3.1.2.2 asks for 112). */
const LETTERS = 24;

/** Ten codes that each replace a lost factor once: six groups of four letters. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
}

function newRecoveryCode(): string {
  const letters = Array.from(randomBytes(LETTERS), (byte) => ALPHABET.charAt(byte % ALPHABET.length));
  return letters.join('').replace(/.{4}(?=.)/g, '$&-');
}

/** What is stored. However it is spelt: in capitals, without hyphens, with letters taken for digits. */
export function recoveryCodeHash(userId: string, code: string): Buffer {
  const letters = code.toLowerCase().replace(/[\s-]/g, '').replace(/[il]/g, '1').replace(/o/g, '0');
  return sha256(`${userId}:${letters}`);
}
