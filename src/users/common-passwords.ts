import { brotliDecompressSync } from 'node:zlib';
import { LONG_PASSWORDS, SHORT_PASSWORDS } from './common-passwords.data.js';
import { spellingOfWord } from './password-spelling.js';

export interface CommonPasswords {
  /** Short ones, of which people make long ones, most common first: 4 to 11 characters, in the spelling of `spellingOfWord`. */
  words: ReadonlySet<string>;
  /** Those of 12 characters and more that are not made of others, in the same spelling. */
  long: ReadonlySet<string>;
}

let read: CommonPasswords | undefined;

/** The list that comes with the service; unpacked when it is first asked for. */
export function commonPasswords(): CommonPasswords {
  read ??= { words: unpacked(SHORT_PASSWORDS), long: unpacked(LONG_PASSWORDS) };
  return read;
}

/** @param password normalised */
export function isCommonPassword(password: string, { words, long }: CommonPasswords): boolean {
  const spelling = spellingOfWord(password);
  return long.has(spelling) || words.has(spelling);
}

function unpacked(text: string): Set<string> {
  return new Set(brotliDecompressSync(Buffer.from(text, 'base64')).toString('utf8').split('\n'));
}
