/** The generator that the flawed library used, and the odd primes that divide every primorial it used with it. */
const GENERATOR = 65537;
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/** `exponent mod order`: what one prime says about the exponent. */
interface Congruence {
  exponent: bigint;
  order: bigint;
}

/**
 * Whether an RSA modulus has the fingerprint of the Infineon library (CVE-2017-15361, "The Return of Coppersmith's Attack", section 4.1): its primes
 * are k·M + (65537^a mod M) with M a product of the first primes, so that the modulus itself is a power of 65537 modulo M. That is tested by the discrete
 * logarithm: one per small prime, and all of them must be the same exponent. Chance passes it once in 2^154.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  let known: Congruence = { exponent: 0n, order: 1n };
  for (const prime of PRIMES) {
    const found = discreteLogarithm(Number(modulus % BigInt(prime)), prime);
    const merged = found && merge(known, found);
    if (!merged) return false;
    known = merged;
  }
  return true;
}

/** The exponent of the generator that gives this residue; null where no power does. */
function discreteLogarithm(residue: number, prime: number): Congruence | null {
  let power = 1;
  let exponent: number | null = null;
  let order = 0;
  do {
    if (power === residue) exponent = order;
    power = (power * GENERATOR) % prime;
    order++;
  } while (power !== 1);
  return exponent === null ? null : { exponent: BigInt(exponent), order: BigInt(order) };
}

/** Both at once (the Chinese remainder theorem for moduli that share factors); null where they contradict each other. */
function merge(a: Congruence, b: Congruence): Congruence | null {
  const common = greatestCommonDivisor(a.order, b.order);
  if ((b.exponent - a.exponent) % common !== 0n) return null;
  const order = (a.order / common) * b.order;
  let { exponent } = a;
  // Orders of single primes are below 167: so are the steps.
  while (exponent % b.order !== b.exponent) exponent += a.order;
  return { exponent: exponent % order, order };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}
