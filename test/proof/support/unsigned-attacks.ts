import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { base64url, type Forge } from './forge.js';

export type Attack = readonly [name: string, token: string];

/** Attacks by somebody without the key: RFC 8725 sections 2 and 3, and what has been published since. */
export function unsignedAttacks(forge: Forge): Attack[] {
  return [
    ...algorithmAttacks(forge),
    ...confusionAttacks(forge),
    ...ownKeyAttacks(forge),
    ...kidAttacks(forge),
    ...shapeAttacks(forge),
    ...spellingAttacks(forge),
  ];
}

function algorithmAttacks(forge: Forge): Attack[] {
  const names = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', 'nоne', '', 'null', 'undefined', 'true'];
  const others = [
    'rs256',
    'RS256 ',
    'RS1',
    'RS384',
    'PS384',
    'ES256K',
    'HS1',
    'HS256',
    'dir',
    'RSA-OAEP',
    'EdDSA',
    'Ed25519',
  ];
  const values: unknown[] = [undefined, null, true, 0, [], ['RS256'], {}, { toString: 'RS256' }];
  return [
    ...[...names, ...others.filter((alg) => alg !== forge.header['alg'])].flatMap((alg): Attack[] => [
      [`alg ${JSON.stringify(alg)}, no signature`, forge.reheaded({ alg }, '')],
      [`alg ${JSON.stringify(alg)}, the old signature`, forge.reheaded({ alg })],
      [`alg ${JSON.stringify(alg)}, no kid`, forge.reheaded({ alg, kid: undefined }, '')],
    ]),
    ...values.map((alg): Attack => [`alg ${JSON.stringify(alg)}`, forge.reheaded({ alg })]),
    ['no dot after the payload', `${forge.encodedHeader({ alg: 'none' })}.${forge.parts[1]}`],
  ];
}

/** The published key taken for a shared secret, in every form in which somebody may have configured it. */
function confusionAttacks(forge: Forge): Attack[] {
  const { key, jwk, jwks } = forge;
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  const der = key.export({ type: 'spki', format: 'der' });
  const pkcs1 =
    key.asymmetricKeyType === 'rsa' ? (['pem', 'der'] as const).map((format) => exportPkcs1(key, format)) : [];
  const members = Object.values(jwk);
  const forms: (string | Buffer)[] = [
    '',
    '\0',
    'secret',
    pem,
    pem.trim(),
    pem.replaceAll('\n', '\r\n'),
    pem.replaceAll('\n', ''),
    pem.replace(/-----.*-----/g, '').replaceAll('\n', ''),
    `${pem}\0`,
    der,
    der.toString('base64'),
    der.toString('hex'),
    ...pkcs1,
    JSON.stringify(jwk),
    JSON.stringify(key.export({ format: 'jwk' })),
    jwks,
    JSON.stringify([jwk]),
    ...members,
    ...members.map((member) => Buffer.from(member, 'base64url')),
  ];
  const sizes = [256, 384, 512] as const;
  return sizes.flatMap((bits) =>
    forms.flatMap((form, index): Attack[] => [
      [`HS${bits} under form ${index} of the public key`, forge.hmac(bits, form)],
      [`the same without kid`, forge.hmac(bits, form, { kid: undefined })],
    ]),
  );
}

const exportPkcs1 = (key: KeyObject, format: 'pem' | 'der'): string | Buffer =>
  format === 'pem' ? key.export({ type: 'pkcs1', format }) : key.export({ type: 'pkcs1', format });

/** Keys that the token brings, or tells where to fetch. */
function ownKeyAttacks(forge: Forge): Attack[] {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...own.publicKey.export({ format: 'jwk' }), kid: forge.header['kid'], alg: 'RS256', use: 'sig' };
  const certificate = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const { trap } = forge;
  const offers: Record<string, unknown>[] = [
    {},
    { jwk },
    { jwk, kid: undefined },
    { jwk, kid: 'mine' },
    { jwks: { keys: [jwk] } },
    { jku: trap },
    { jku: `${trap}/jwks.json`, kid: 'mine' },
    { jku: `http://localhost:3000@${trap.slice(7)}/.well-known/jwks.json` },
    { jku: `http://localhost:3000/redirect?to=${trap}` },
    { jku: [trap] },
    { x5u: trap, kid: undefined },
    { x5u: `${trap}/chain.pem`, x5c: [certificate] },
    { x5c: [certificate] },
    { x5c: certificate, kid: undefined },
    { x5t: randomBytes(20).toString('base64url') },
    { 'x5t#S256': randomBytes(32).toString('base64url') },
    { iss: trap },
    { kid: trap },
    { kid: `${trap}/key.pem` },
    { url: trap },
    { cty: 'JWT' },
    { epk: jwk },
    { enc: 'A128GCM' },
  ];
  return offers.map((offer): Attack => {
    const input = `${forge.encodedHeader({ alg: 'RS256', ...offer })}.${forge.parts[1]}`;
    return [
      `its own key, ${JSON.stringify(offer).slice(0, 60)}`,
      `${input}.${base64url(sign('sha256', Buffer.from(input), own.privateKey))}`,
    ];
  });
}

function kidAttacks(forge: Forge): Attack[] {
  const kids = [
    '',
    ' ',
    `${String(forge.header['kid'])} `,
    `${String(forge.header['kid'])}\0`,
    String(forge.header['kid']).toLowerCase(),
    '../../../../../../dev/null',
    '/dev/null',
    'file:///dev/null',
    'C:\\Windows\\win.ini',
    '| sleep 5',
    '$(sleep 5)',
    "x' UNION SELECT 'AA' --",
    "'; SELECT pg_sleep(5); --",
    '%00',
    'a\0',
    '\ud800',
    '__proto__',
    'constructor',
    'toString',
    '*',
    'x'.repeat(8000),
    forge.trap,
    null,
    true,
    0,
    [],
    [forge.header['kid']],
    {},
    { $ne: null },
  ];
  return kids.flatMap((kid): Attack[] => [
    [`kid ${JSON.stringify(kid).slice(0, 50)}`, forge.reheaded({ kid })],
    [`kid ${JSON.stringify(kid).slice(0, 50)}, HMAC under nothing`, forge.hmac(256, '', { kid })],
    [`kid ${JSON.stringify(kid).slice(0, 50)}, HMAC under AA`, forge.hmac(256, 'AA', { kid })],
  ]);
}

/** Other numbers of parts, encrypted tokens, other serializations, other contents. */
function shapeAttacks(forge: Forge): Attack[] {
  const [header, payload, signature] = forge.parts;
  const part = (text: string | Buffer): string => base64url(text);
  const encrypted = part(JSON.stringify({ alg: 'dir', enc: 'A128GCM', kid: forge.header['kid'], zip: 'DEF' }));
  const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const tokens: string[] = [
    '.',
    '..',
    '...',
    '....',
    header,
    `${header}.${payload}`,
    `${header}..${signature}`,
    `.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}.`,
    `${header}.${payload}.${signature}.${signature}`,
    `${encrypted}..${part(randomBytes(12))}.${payload}.${part(randomBytes(16))}`,
    `${encrypted}.${signature}.${part(randomBytes(12))}.${payload}.${part(randomBytes(16))}`,
    `${header}.${payload}.${signature}.AA.AA`,
    JSON.stringify({ payload, protected: header, signature }),
    JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    `${header}.${part(forge.token)}.${signature}`,
    `${forge.encodedHeader({ cty: 'JWT' })}.${part(forge.token)}.${signature}`,
    ...['{', '[]', 'null', '"x"', '1', '', '{}{}', nested(10), nested(3000)].flatMap((text) => [
      `${part(text)}.${payload}.${signature}`,
      `${header}.${part(text)}.${signature}`,
    ]),
    `${part(Buffer.from('7b22616c67223a22c328227d', 'hex'))}.${payload}.${signature}`,
    `${part(Buffer.from(JSON.stringify(forge.header), 'utf16le'))}.${payload}.${signature}`,
    'e30.'.repeat(3000),
    'e30.e30.e30',
    'A'.repeat(15_000),
    `${header}.${'A'.repeat(12_000)}.${signature}`,
    'prt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ];
  return tokens.map((token, index): Attack => [`shape ${index}: ${token.slice(0, 30)}`, token]);
}

/** One token has one spelling: whatever a lenient decoder would read as the same bytes is another token, and refused. */
function spellingAttacks(forge: Forge): Attack[] {
  const [header, payload, signature] = forge.parts;
  const standard = (part: string): string => Buffer.from(part, 'base64url').toString('base64');
  const other = (part: string): string => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return part.slice(0, -1) + (alphabet[alphabet.indexOf(part.slice(-1)) ^ 1] ?? '');
  };
  const spellings = [
    `${forge.token}=`,
    `${forge.token}==`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}=.${signature}`,
    `${header}.${payload}.${other(signature)}`,
    `${header}.${other(payload)}.${signature}`,
    `${header}.${payload}.${signature}A`,
    `${header}.${payload}.A${signature}`,
    `${header}.${payload}.${signature}!`,
    `${header}.${payload}.!${signature}`,
    `${header}.${payload}.${signature.slice(0, 8)}*${signature.slice(8)}`,
    `${header}.${payload}.${signature}%3D`,
    `"${forge.token}"`,
    `${forge.token};`,
    `${forge.token},`,
    forge.token.toUpperCase(),
    forge.token.replaceAll('.', '%2E'),
  ];
  const inStandard = `${standard(header)}.${standard(payload)}.${standard(signature)}`;
  return [...spellings, inStandard].map((token, index): Attack => [`spelling ${index}`, token]);
}
