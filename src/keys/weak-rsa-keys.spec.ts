import {
  createPrivateKey,
  createPublicKey,
  checkPrimeSync,
  generateKeyPairSync,
  generatePrimeSync,
  type JsonWebKey,
} from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { primesBelow } from './integers.js';
import { assertStrongRsaPrivateKey, assertStrongRsaPublicKey } from './weak-rsa-keys.js';

type Numbers = Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', bigint>;

const E = 65537n;
let p: bigint;
let q: bigint;

/** A prime that e does not divide from below. */
function primeOf(bits: number): bigint {
  for (;;) {
    const prime = generatePrimeSync(bits, { bigint: true });
    if ((prime - 1n) % E !== 0n) return prime;
  }
}

beforeAll(() => {
  // OpenSSL sets the two highest bits, so that the product has 2048.
  [p, q] = [primeOf(1024), primeOf(1024)];
});

function inverse(a: bigint, modulus: bigint): bigint {
  let [r, next, s, nextS] = [modulus, ((a % modulus) + modulus) % modulus, 0n, 1n];
  while (next !== 0n) [r, next, s, nextS] = [next, r % next, nextS, s - (r / next) * nextS];
  return ((s % modulus) + modulus) % modulus;
}

function numbers(p: bigint, q: bigint, e = E): Numbers {
  const d = inverse(e, (p - 1n) * (q - 1n));
  return { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
}

function jwkOf(values: Partial<Numbers>): JsonWebKey {
  const members = Object.entries(values).map(([name, value]): [string, string] => {
    const hex = value.toString(16);
    return [name, Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')];
  });
  return { kty: 'RSA', ...Object.fromEntries(members) };
}

const judgePublic = (n: bigint, e = E): void => {
  assertStrongRsaPublicKey(createPublicKey({ key: jwkOf({ n, e }), format: 'jwk' }));
};
const refused = (code: string): unknown => expect.objectContaining({ code });

const judgePrivate = (values: Numbers): Promise<void> =>
  assertStrongRsaPrivateKey(createPrivateKey({ key: jwkOf(values), format: 'jwk' }));

describe('an RSA public key', () => {
  it('of two good primes is taken', () => {
    expect(() => {
      judgePublic(p * q);
    }).not.toThrow();
  });

  it.each([1n, 2n, 3n, 17n, 257n, 65535n, 65536n, 65538n, 2n ** 31n + 1n, 2n ** 256n + 1n])(
    'with the exponent %d is refused',
    (e) => {
      expect(() => {
        judgePublic(p * q, e);
      }).toThrow(refused('rsa_exponent'));
    },
  );

  it.each([512, 1024, 2040])('of %d bits is refused', (bits) => {
    expect(() => {
      judgePublic((1n << BigInt(bits - 1)) + 1n);
    }).toThrow(refused('rsa_size'));
  });

  it('of more bits than anyone uses is refused before anything is computed', () => {
    expect(() => {
      judgePublic((1n << 16_000n) + 1n);
    }).toThrow(refused('rsa_size'));
  });

  it.each([2n, 3n, 251n, 65521n])('whose modulus is divisible by %d is refused', (factor) => {
    expect(() => {
      judgePublic(p * q * factor);
    }).toThrow(refused('rsa_modulus'));
  });

  it('whose modulus is a square is refused', () => {
    expect(() => {
      judgePublic(p * p);
    }).toThrow(refused('rsa_modulus'));
  });

  it('whose primes are neighbours is refused (CVE-2022-26320)', () => {
    const first = p;
    expect(() => {
      judgePublic(first * nextPrime(first + 2n));
    }).toThrow(refused('rsa_modulus'));
  });

  it('of the form that ROCA makes is refused', () => {
    const primorial = primesBelow(1_000)
      .slice(0, 126)
      .reduce((product, prime) => product * BigInt(prime), 1n);
    const flawed = (from: bigint): bigint => {
      for (let k = from; ; k++) if (checkPrimeSync(k * primorial + 1n)) return k * primorial + 1n;
    };
    const n = flawed(1n << 53n) * flawed(1n << 54n);
    expect(() => {
      judgePublic(n);
    }).toThrow(refused('rsa_roca'));
  });
});

describe('an RSA private key', () => {
  it.each([2048, 3072])('of %d bits by OpenSSL is taken', async (modulusLength) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength });
    await expect(assertStrongRsaPrivateKey(privateKey)).resolves.toBeUndefined();
  });

  it('of good numbers is taken, with d below either totient', async () => {
    await expect(judgePrivate(numbers(p, q))).resolves.toBeUndefined();
    const carmichael = ((p - 1n) * (q - 1n)) / 2n;
    const d = inverse(E, carmichael);
    await expect(judgePrivate({ ...numbers(p, q), d, dp: d % (p - 1n), dq: d % (q - 1n) })).resolves.toBeUndefined();
  });

  it.each([1024, 2056])('of %d bits has no algorithm', async (modulusLength) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength });
    await expect(assertStrongRsaPrivateKey(privateKey)).rejects.toMatchObject({ code: 'rsa_size' });
  });

  it('made for the exponent 3 is refused', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
    await expect(assertStrongRsaPrivateKey(privateKey)).rejects.toMatchObject({ code: 'rsa_exponent' });
  });

  it.each(['n', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const)('with another %s is refused', async (name) => {
    const good = numbers(p, q);
    await expect(judgePrivate({ ...good, [name]: good[name] - 2n })).rejects.toMatchObject({
      code: name === 'n' ? expect.stringMatching(/inconsistent|rsa_modulus/) : 'inconsistent',
    });
  });

  it('with a composite in place of a prime is refused', async () => {
    // Made to fit the rest of the key: only a test of primality tells.
    const factor = nextPrime((1n << 512n) - (1n << 500n));
    const composite = factor * nextPrime(factor + 2n);
    await expect(judgePrivate(numbers(composite, q))).rejects.toMatchObject({ code: 'rsa_primes' });
  });

  it('with a short prime beside a long one is refused', async () => {
    await expect(judgePrivate(numbers(primeOf(512), primeOf(1536)))).rejects.toMatchObject({ code: 'rsa_primes' });
  });

  it('whose primes agree in their upper half is refused', async () => {
    const first = p;
    const second = nextPrime(first + (1n << 900n));
    await expect(judgePrivate(numbers(first, second))).rejects.toMatchObject({ code: 'rsa_primes' });
  });

  it('whose private exponent is small is refused (Wiener)', async () => {
    const d = nextPrime(1n << 200n);
    const e = inverse(d, (p - 1n) * (q - 1n));
    await expect(judgePrivate({ ...numbers(p, q), e, d, dp: d % (p - 1n), dq: d % (q - 1n) })).rejects.toMatchObject({
      code: 'rsa_exponent',
    });
  });
});

function nextPrime(from: bigint): bigint {
  for (let candidate = from | 1n; ; candidate += 2n) if (checkPrimeSync(candidate)) return candidate;
}
