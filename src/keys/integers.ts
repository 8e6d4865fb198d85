/** The number whose digits to the base 256 these bytes are, the most significant first. */
export function integerOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

export function bitLength(n: bigint): number {
  return n === 0n ? 0 : n.toString(2).length;
}

/** The largest integer whose square is not above n; by Newton's method. */
export function integerRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let root = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

export function isSquare(n: bigint): boolean {
  // To the base 16 squares end in 0, 1, 4 or 9, which spares most other numbers the root.
  return n >= 0n && [0n, 1n, 4n, 9n].includes(n & 15n) && integerRoot(n) ** 2n === n;
}

/** All primes below the limit, by the sieve of Eratosthenes. */
export function primesBelow(limit: number): number[] {
  const composite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) {
    if (composite[n]) continue;
    primes.push(n);
    for (let multiple = n * n; multiple < limit; multiple += n) composite[multiple] = 1;
  }
  return primes;
}
