import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { KeyRefused } from './key-refused.js';

/** What a JWK says about its use (RFC 7517 sections 4.2 to 4.4). */
export interface DeclaredUse {
  alg?: string;
  use?: string;
  keyOps?: readonly string[];
}

/** A key as it was given, before anything is said about its strength. */
export type KeyMaterial =
  | { kind: 'private'; key: KeyObject; declared: DeclaredUse }
  | { kind: 'public'; key: KeyObject; declared: DeclaredUse }
  | { kind: 'secret'; bytes: Buffer; declared: DeclaredUse };

type Members = Readonly<Record<string, unknown>>;

interface KeyType {
  /** Members with values in base64url. */
  public: readonly string[];
  private: readonly string[];
  /** Their names, and how many bytes each member of a key on them has. */
  curves: Readonly<Record<string, number>>;
}

/** RFC 7518 sections 6.2 to 6.4, RFC 8037 section 2. */
const KEY_TYPES = new Map<unknown, KeyType>([
  ['RSA', { public: ['n', 'e'], private: ['d', 'p', 'q', 'dp', 'dq', 'qi'], curves: {} }],
  ['EC', { public: ['x', 'y'], private: ['d'], curves: { 'P-256': 32, 'P-384': 48, 'P-521': 66 } }],
  ['OKP', { public: ['x'], private: ['d'], curves: { Ed25519: 32 } }],
  ['oct', { public: [], private: ['k'], curves: {} }],
]);

/** @throws KeyRefused */
export function jwkMaterial(text: string): KeyMaterial {
  const jwk = parsed(text);
  const type = KEY_TYPES.get(jwk['kty']);
  if (!type) {
    if (Array.isArray(jwk['keys']))
      throw new KeyRefused('malformed', 'This is a set of keys (JWKS); give one of them.');
    throw new KeyRefused('unsupported_type', 'The "kty" of the JWK must be RSA, EC, OKP or oct.');
  }
  const declared = declaredUse(jwk);
  if (jwk['kty'] === 'oct') return { kind: 'secret', bytes: bytesOf(jwk, 'k'), declared };
  const isPrivate = type.private.some((member) => jwk[member] !== undefined);
  const members = importable(jwk, type, isPrivate);
  return { kind: isPrivate ? 'private' : 'public', key: keyOf(members, isPrivate), declared };
}

function parsed(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyRefused('malformed', 'This is neither PEM nor base64, and as a JWK it is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KeyRefused('malformed', 'A JWK is one JSON object.');
  }
  return value as Members;
}

function declaredUse({ alg, use, key_ops: keyOps }: Members): DeclaredUse {
  if (alg !== undefined && typeof alg !== 'string')
    throw new KeyRefused('malformed', 'The "alg" of the JWK must be text.');
  if (use !== undefined && typeof use !== 'string')
    throw new KeyRefused('malformed', 'The "use" of the JWK must be text.');
  if (keyOps !== undefined && !isListOfText(keyOps)) {
    throw new KeyRefused('malformed', 'The "key_ops" of the JWK must be a list of different texts.');
  }
  return { ...(alg !== undefined && { alg }), ...(use !== undefined && { use }), ...(keyOps && { keyOps }) };
}

function isListOfText(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'string') && new Set(value).size === value.length
  );
}

/** The members that make the key, and nothing else of the JWK. */
function importable(jwk: Members, type: KeyType, isPrivate: boolean): Record<string, string> {
  if (jwk['oth'] !== undefined)
    throw new KeyRefused('unsupported_type', 'RSA keys of more than two primes are not taken.');
  const members: Record<string, string> = { kty: String(jwk['kty']) };
  const curves = Object.keys(type.curves);
  let length: number | undefined;
  if (curves.length > 0) {
    const { crv } = jwk;
    if (typeof crv !== 'string' || !curves.includes(crv)) {
      throw new KeyRefused('unsupported_curve', `The "crv" of this JWK must be ${curves.join(', ')}.`);
    }
    members['crv'] = crv;
    length = type.curves[crv];
  }
  for (const member of [...type.public, ...(isPrivate ? type.private : [])]) {
    const bytes = bytesOf(jwk, member);
    // Known before there is a key: Node ends the whole process when it writes down an EC key whose private half is longer.
    if (length !== undefined && bytes.length !== length) throw contradictory();
    members[member] = bytes.toString('base64url');
  }
  return members;
}

function bytesOf(jwk: Members, member: string): Buffer {
  const value = jwk[member];
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== value) {
    throw new KeyRefused('malformed', `The "${member}" of the JWK is missing or is not base64url without padding.`);
  }
  return bytes;
}

function keyOf(members: Record<string, string>, isPrivate: boolean): KeyObject {
  let key: KeyObject;
  try {
    const input = { key: members as JsonWebKey, format: 'jwk' } as const;
    key = isPrivate ? createPrivateKey(input) : createPublicKey(input);
  } catch {
    throw new KeyRefused('inconsistent', 'The members of the JWK do not make a key, or its point is not on its curve.');
  }
  // Lengths must be exact (RFC 7518 sections 2, 6.2.1.2), and what can be computed must be what is given.
  const exported: Record<string, unknown> = { ...key.export({ format: 'jwk' }) };
  if (Object.entries(members).some(([member, value]) => exported[member] !== value)) throw contradictory();
  return key;
}

function contradictory(): KeyRefused {
  return new KeyRefused(
    'inconsistent',
    'The members of the JWK contradict each other, or one has not its exact length.',
  );
}
