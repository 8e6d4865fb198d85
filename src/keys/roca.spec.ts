import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { integerOf, primesBelow } from './integers.js';
import { hasRocaFingerprint } from './roca.js';

/** Moduli that those who found the flaw published with their detector (crocs-muni/roca): made by the flawed library. */
const FLAWED: Record<string, string> = {
  mod01:
    '944e13208a280c37efc31c3114485e590192adbb8e11c87cad60cdef0037ce99278330d3f471a2538fa667802ed2a3c44a8b7dea826e88' +
    '8d0aa341fd664f7fa7',
  mod02:
    'a23475d6b86e7deb1e1483747c0e1aaa1390f24dcbc0d05399d025c985861601d91ba7a1ce5dd9d9721fac7b65cbf73f9fa39399f6cbf3' +
    '3edc6e094f9eda639f',
  mod03:
    '9dcd7420e420c270a68060eb8b5aa7457a9f6648f86fafed2775cc1f79ae962f1e63f1b9e51c55f9ea6fdc7332e9b0058c9ff2eb1fc898' +
    '55029cf6aafe21e689feb38ac9ffb12f1ce371bb5d0e9aae64161abce74b4244bf68f1edb4411f756a097c8929c14740245ea355f8332d' +
    '1aa36bb50c7dcb4505da8de02e4e53d38f8df06097da7524df0df93db48eac8cc4af2d3a16257eb2b2adca6ba464e5974fa92550d31b1b' +
    'abf161e7692d00b86e3dd886ecab4abfbe1a8f8cc263ff4af55cdb45f4249a5193925f5e983d762f0b6800943eb0267b08f42ed311ce1f' +
    '5c86eacbc8ce4d3cb7a2fee1ef5641423a1cf4114e5ecf50034a60a412523af9e6f4aa11',
};

/** By others; the last differs from mod03 in one digit. */
const SOUND: Record<string, string> = {
  mod04:
    'af659676197f1db06da7ac111a0a0ec175b8b7ef07192ffcd1f6b854c327785f1a7fd3db7da45cd4a31b2b2e5ce0d823a68e28c8adf174' +
    '7316becce1fe5768064039ad2062260c8d1a34e0586dce9bc13090fcc9fb8b8b2c08ed3ae8d61b29818a669689a7d9c1dab053b557fb8d' +
    '3f9c44faad3e18c55e739b00d3c9126558bc8e980cd2af377126ef5b1374136774b8bd370e3c1c149db395c8f99696b628b105946fea20' +
    '106fe24d103ac062661a9248e8c3f628e00b308d33953aabe555132e218e74ef4b578716b4fe7cf340e8e604a319bf6e9951e1942601d3' +
    '4291032db54999d09e5d036dde3544ad35256bbb97d5e3fffd38166c21eae9199548853b',
  mod05:
    'ba68fc5fbb606c4d428ab98b355d66214db4f7e475b5f7ffddc349c73f7d659965121ab16a4014e6c465c111d850205853d113f712127e' +
    '4a230aa97f481eed6410f6c345f48e25fb81c42ec6815dc35cdd839e0de91fb2bec848d0910fa77e2c31f99ec9bcc7ed167812bd724318' +
    'b0adf492d6b47c5ce050184e877ea64045f9501bf70569cffd102db7299f49e9c00222af9115d0aada967dfe759b7e4576e85c3a4ff594' +
    '039231b90b448b90c3236083bcf819bc318d53a2018ec9b401f102ba9ee13dde592a42b032df136689d9c5619db55d519853a422d31006' +
    '24d2d9e478218375f460c26930eda8cd0d947e58ffe9b7be2445356deaed988223e3ed1d',
  mod06:
    '8dcd7420e420c270a68060eb8b5aa7457a9f6648f86fafed2775cc1f79ae962f1e63f1b9e51c55f9ea6fdc7332e9b0058c9ff2eb1fc898' +
    '55029cf6aafe21e689feb38ac9ffb12f1ce371bb5d0e9aae64161abce74b4244bf68f1edb4411f756a097c8929c14740245ea355f8332d' +
    '1aa36bb50c7dcb4505da8de02e4e53d38f8df06097da7524df0df93db48eac8cc4af2d3a16257eb2b2adca6ba464e5974fa92550d31b1b' +
    'abf161e7692d00b86e3dd886ecab4abfbe1a8f8cc263ff4af55cdb45f4249a5193925f5e983d762f0b6800943eb0267b08f42ed311ce1f' +
    '5c86eacbc8ce4d3cb7a2fee1ef5641423a1cf4114e5ecf50034a60a412523af9e6f4aa11',
};

/** Made to pass prime by prime, although no one exponent fits all primes. */
const LOOK_ALIKES = [
  '671f033425b5ae00140c5b04dbcaeada430ae348cf3bf18d6ec4621ea824c52dd2b0ac85762b28a5d39ff23da73d4fcb241bf97b696e40' +
    '3eca234e05db9fe9ace2da265887c7b2ac7f9e7ed5bf6d919d43286776cf57c07d3411e15f729fa6e563858059334d072638d9dfbfc4f3' +
    '2474b6c6071092f5a961a7271f3209b37d9d',
  'c502de5c89ed9ee651a3c60e9519647031ed16d8597ae653bbc88706c3648edf38c2446205ea4cd33b10813bae1d7f5e86cbeedcdb9e14' +
    'e616ee775040288731f24624f63aafcf788aa80b54edb41cf0dd38731297ef2bc61144c8410b625bfa36d9d4c6cfad7f647505dd7343f3' +
    '209ed8a22209cc18bc2501d913b9f5b0753d',
  '569f3da75c97700daf4f498bfac14ae6d0a97e7a76000427b1cfcc6bb54b8124f8c6494848654af2a166db2e71d9aaee0c1b5ff3684aff' +
    'acd2da42b8b922be11bf0e3c5dec5f15fde9fc9aa3df3ed83a227c33539c3ade4568751259b60a433df425908325d237940ac449d8c575' +
    '938962bed769e458c8f27554402ff50d0a0f',
];

describe('the fingerprint of ROCA', () => {
  it.each(Object.entries(FLAWED))('is on %s', (_, modulus) => {
    expect(hasRocaFingerprint(BigInt(`0x${modulus}`))).toBe(true);
  });

  it.each(Object.entries(SOUND))('is not on %s', (_, modulus) => {
    expect(hasRocaFingerprint(BigInt(`0x${modulus}`))).toBe(false);
  });

  it.each(LOOK_ALIKES)('is not on what only looks so, prime by prime: %s', (modulus) => {
    expect(hasRocaFingerprint(BigInt(`0x${modulus}`))).toBe(false);
  });

  it('is on every product of numbers of that form, whichever of its primorials the library used', () => {
    const multiplier = fc.bigInt({ min: 1n, max: 2n ** 64n });
    const exponent = fc.integer({ min: 0, max: 1_000_000 });
    const primorial = fc.constantFrom(39, 71, 126, 225).map(primorialOf);
    fc.assert(
      fc.property(primorial, multiplier, exponent, multiplier, exponent, (m, k, a, l, b) => {
        expect(hasRocaFingerprint((k * m + power(a, m)) * (l * m + power(b, m)))).toBe(true);
      }),
    );
  });

  it('is not on random numbers', () => {
    for (let i = 0; i < 2_000; i++) expect(hasRocaFingerprint(integerOf(randomBytes(256)) | 1n)).toBe(false);
  });
});

function primorialOf(count: number): bigint {
  return primesBelow(1_500)
    .slice(0, count)
    .reduce((product, prime) => product * BigInt(prime), 1n);
}

function power(exponent: number, modulus: bigint): bigint {
  let result = 1n;
  for (let square = 65537n, rest = exponent; rest > 0; rest >>= 1, square = (square * square) % modulus) {
    if (rest & 1) result = (result * square) % modulus;
  }
  return result;
}
