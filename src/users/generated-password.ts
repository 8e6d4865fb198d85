import { randomInt } from 'node:crypto';

/** Without characters that look like one another: no 0 O o, no 1 l I i. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 24;

/** A password to be copied from a terminal once: 24 characters (138 bits), or more where longer ones are asked for. */
export function generatedPassword(minLength: number): string {
  const length = Math.max(LENGTH, minLength);
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
