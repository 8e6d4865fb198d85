import { checkPrime, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { bitLength, integerOf, integerRoot, isSquare, primesBelow } from './integers.js';
import { KeyRefused } from './key-refused.js';
import { hasRocaFingerprint } from './roca.js';

const isPrime = promisify(checkPrime) as (candidate: bigint) => Promise<boolean>;

/** Those of the table of algorithms. Other sizes have no algorithm of their own strength. */
const SIZES = [2048, 3072, 4096];
const LEAST_BITS = 2048;
/** Of keys that are only verified with. What is seen of a larger one takes longer to see than others should wait for. */
const MOST_BITS = 4096;
/** RFC 8017 sets no bound, but many verifiers hold the exponent in a signed word. It also keeps the private one too large for Wiener's attack. */
const MOST_EXPONENT = 2n ** 31n - 1n;

const SMALL_PRIMES = primesBelow(2 ** 16).map(BigInt);

/** Steps of Fermat's factorisation. Keys of the devices of CVE-2022-26320 fall to fewer than ten. */
const FERMAT_STEPS = 100;

/** Numbers of a private key by their names in a JWK (RFC 7518 section 6.3). */
type RsaNumbers = Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', bigint>;

/**
 * What can be seen of a public key.
 *
 * @throws KeyRefused
 */
export function assertStrongRsaPublicKey(key: KeyObject): void {
  const bits = modulusBits(key);
  if (bits < LEAST_BITS || bits > MOST_BITS) {
    throw new KeyRefused('rsa_size', `The RSA key has ${bits} bits; expected ${LEAST_BITS} to ${MOST_BITS}.`);
  }
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  assertSoundModulus(numberOf(n), numberOf(e));
}

/**
 * A private key that signs here: of a size that has an algorithm, and with numbers that belong together (FIPS 186-5 appendix A.1, RFC 8017
 * section 3.2), for others are broken or leak their primes by their first signature.
 *
 * @throws KeyRefused
 */
export async function assertStrongRsaPrivateKey(key: KeyObject): Promise<void> {
  const bits = modulusBits(key);
  if (!SIZES.includes(bits)) {
    throw new KeyRefused('rsa_size', `The RSA key has ${bits} bits; expected one of ${SIZES.join(', ')}.`);
  }
  const numbers = numbersOf(key);
  assertSoundModulus(numbers.n, numbers.e);
  assertConsistent(numbers);
  assertUnlikePrimes(numbers, bits);
  const [p, q] = await Promise.all([isPrime(numbers.p), isPrime(numbers.q)]);
  if (!p || !q) throw new KeyRefused('rsa_primes', 'The RSA key is broken: one of its primes is not prime.');
}

/**
 * That a modulus is no prime is not asked: it would take seconds to be sure of those that are, and they are found out by nobody who does not choose
 * them. Of a private key its two primes are tested.
 */
function assertSoundModulus(n: bigint, e: bigint): void {
  if (e % 2n === 0n || e < 65537n || e > MOST_EXPONENT) {
    throw new KeyRefused(
      'rsa_exponent',
      `The public exponent of the RSA key must be odd, at least 65537 (FIPS 186-5), and at most ${MOST_EXPONENT}; 65537 is usual.`,
    );
  }
  const small = SMALL_PRIMES.find((prime) => n % prime === 0n);
  if (small !== undefined) throw new KeyRefused('rsa_modulus', `The modulus of the RSA key is divisible by ${small}.`);
  if (hasRocaFingerprint(n)) {
    throw new KeyRefused(
      'rsa_roca',
      'The RSA key was made by a flawed library (ROCA, CVE-2017-15361) and can be factorised.',
    );
  }
  if (fallsToFermat(n)) {
    throw new KeyRefused(
      'rsa_modulus',
      'The two primes of the RSA key are so close that it can be factorised (CVE-2022-26320).',
    );
  }
}

/** Whether n = a² - b² is found for an a close to the root of n. A square is found at once, with b = 0. */
function fallsToFermat(n: bigint): boolean {
  const root = integerRoot(n);
  const first = root * root === n ? root : root + 1n;
  for (let a = first; a < first + BigInt(FERMAT_STEPS); a++) if (isSquare(a * a - n)) return true;
  return false;
}

function assertConsistent({ n, e, d, p, q, dp, dq, qi }: RsaNumbers): void {
  const fits =
    p > 1n &&
    q > 1n &&
    n === p * q &&
    (e * d) % (p - 1n) === 1n &&
    (e * d) % (q - 1n) === 1n &&
    dp === d % (p - 1n) &&
    dq === d % (q - 1n) &&
    (qi * q) % p === 1n;
  if (!fits) throw new KeyRefused('inconsistent', 'The numbers of the RSA key contradict each other.');
}

/** FIPS 186-5 section A.1.1: of the same length, but not of the same value. */
function assertUnlikePrimes({ p, q }: RsaNumbers, bits: number): void {
  const smaller = p < q ? p : q;
  if (bitLength(smaller) < bits / 2 - 16) {
    throw new KeyRefused(
      'rsa_primes',
      'The primes of the RSA key are of very different lengths, so that the smaller one is weak.',
    );
  }
  if (bitLength(p > q ? p - q : q - p) <= bits / 2 - 100) {
    throw new KeyRefused('rsa_primes', 'The two primes of the RSA key are too close to each other.');
  }
}

function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
}

function numbersOf(key: KeyObject): RsaNumbers {
  const { n = '', e = '', d = '', p = '', q = '', dp = '', dq = '', qi = '' } = key.export({ format: 'jwk' });
  const numbers = { n, e, d, p, q, dp, dq, qi };
  return Object.fromEntries(Object.entries(numbers).map(([name, text]) => [name, numberOf(text)])) as RsaNumbers;
}

function numberOf(base64url: string): bigint {
  return integerOf(Buffer.from(base64url, 'base64url'));
}
