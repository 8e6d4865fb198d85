import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { KeyRefused } from './key-refused.js';
import { isPublishedSecret } from './published-keys.js';

const LEAST_BYTES = 32;
/** Longer secrets are hashed before use (RFC 2104 section 2), and gain nothing. */
const MOST_BYTES = 512;

/** Bits. A text of 32 hexadecimal digits, which is what people take for 32 bytes, has 128. */
const LEAST_ENTROPY = 112;
const ENTROPY_OF_WORD = 8;

/**
 * An HMAC secret that nobody else has, as far as that can be seen (RFC 7518 section 3.2; RFC 8725 section 3.5).
 *
 * @throws KeyRefused
 */
export function assertStrongSecret(secret: Buffer): void {
  if (isPublishedSecret(secret))
    throw new KeyRefused('published', 'This secret is known to everyone: it stands in examples.');
  if (isKey(secret)) {
    throw new KeyRefused(
      'secret_is_key',
      'This is a key or a certificate, which others may have; an HMAC secret is made of random bytes.',
    );
  }
  if (secret.length < LEAST_BYTES) {
    throw new KeyRefused(
      'secret_too_short',
      `The secret has ${secret.length} bytes; expected ${LEAST_BYTES}, 48 or 64.`,
    );
  }
  if (secret.length > MOST_BYTES)
    throw new KeyRefused('malformed', `The secret has ${secret.length} bytes; expected ${LEAST_BYTES}, 48 or 64.`);
  if (isPatterned(secret) || entropyOfText(secret) < LEAST_ENTROPY) {
    throw new KeyRefused(
      'guessable',
      'The secret follows a pattern or is made of common words; expected random bytes.',
    );
  }
}

/** Bytes that repeat, count, or are of few different values. Of 32 random ones it is true once in 2^100. */
export function isPatterned(bytes: Buffer): boolean {
  if (new Set(bytes).size < 8) return true;
  const half = Math.floor(bytes.length / 2);
  for (let period = 1; period <= half; period++) {
    if (bytes.subarray(period).equals(bytes.subarray(0, bytes.length - period))) return true;
  }
  const steps = new Map<number, number>();
  for (let i = 1; i < bytes.length; i++) {
    const step = ((bytes[i] ?? 0) - (bytes[i - 1] ?? 0) + 256) % 256;
    steps.set(step, (steps.get(step) ?? 0) + 1);
  }
  return Math.max(...steps.values()) > (bytes.length * 3) / 4;
}

/** PEM, a JWK, an SSH key, or the DER or base64 of a key or certificate: the confusion that CVE-2015-9235 and its like live on. */
function isKey(bytes: Buffer): boolean {
  const text = bytes.toString('latin1').trim();
  if (text.startsWith('-----BEGIN ') || /^(ssh|ecdsa)-[a-z0-9-]+ /.test(text)) return true;
  if (text.startsWith('{')) return /"(kty|keys)"/.test(text);
  if (isDerKey(bytes)) return true;
  return /^(LS0tLS1CRUdJTi|M[A-Z])[\w+/-]+={0,2}$/.test(text) && isKey(Buffer.from(text, 'base64'));
}

/** Of everything that OpenSSL reads as one. */
function isDerKey(der: Buffer): boolean {
  if (der[0] !== 0x30) return false;
  const readings = [
    () => createPublicKey({ key: der, format: 'der', type: 'spki' }),
    () => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }),
    () => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    () => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' }),
    () => createPrivateKey({ key: der, format: 'der', type: 'sec1' }),
    () => new X509Certificate(der),
  ];
  return readings.some((read) => {
    try {
      read();
      return true;
    } catch {
      return false;
    }
  });
}

/** What people write in place of a secret. Longer words first, so that none hides in another. */
const WORDS = [
  'abcdef application authentication bearer characters change changeit changeme default demo development example',
  'generate generated hello insecure jsonwebtoken keyboard least length local localhost lorem ipsum minimum must nestjs nodejs',
  'passphrase password passw0rd placeholder please private production public qwerty qwertyuiop random really refresh replace',
  'sample secret secretkey secure security server service should signature signing spring string super supersecret',
  'symmetric test testing this that token tutorial unsafe user value very with world your access admin algorithm and api',
  'auth backend bits bytes byte bit char chars cat for foo bar baz from hash here hmac hs256 hs384 hs512 in is it jwt',
  'keep key keys long my not of only own pass prod root safe sha256 sha512 shared sign some strong the to use me be do at',
]
  .flatMap((line) => line.split(' '))
  .sort((a, b) => b.length - a.length);

/** Bits of a secret that is printable text, its common words as cheap as they are to guess; infinity for any other. */
function entropyOfText(secret: Buffer): number {
  const text = secret.toString('latin1');
  if (!/^[\x20-\x7e]*$/.test(text)) return Infinity;
  const perCharacter = Math.log2(alphabetOf(text));
  let entropy = 0;
  for (let rest = text.toLowerCase(); rest !== '';) {
    const word = WORDS.find((candidate) => rest.startsWith(candidate));
    const separator = /^[ ._-]/.test(rest);
    entropy += word ? Math.min(ENTROPY_OF_WORD, word.length * perCharacter) : separator ? 1 : perCharacter;
    rest = rest.slice(word?.length ?? 1);
  }
  return entropy;
}

function alphabetOf(text: string): number {
  if (/^\d*$/.test(text)) return 10;
  if (/^([\da-f]*|[\dA-F]*)$/.test(text)) return 16;
  const classes: [RegExp, number][] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/\d/, 10],
    [/[^A-Za-z0-9]/, 10],
  ];
  return classes.reduce((size, [pattern, count]) => size + (pattern.test(text) ? count : 0), 0);
}
