import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { DER, contentOf, readDer, smallInteger, within, writeDer, writeInteger, type DerElement } from './der.js';
import { KeyRefused } from './key-refused.js';

const derive = promisify(pbkdf2);

const OID = {
  pbes2: Buffer.from('2a864886f70d01050d', 'hex'),
  pbkdf2: Buffer.from('2a864886f70d01050c', 'hex'),
  hmacWithSha256: Buffer.from('2a864886f70d0209', 'hex'),
  aes256Cbc: Buffer.from('60864801650304012a', 'hex'),
} as const;

/** RFC 8018 appendix B.1: the pseudo-random functions of PBKDF2 by their object identifiers; SHA-1 where none is named. */
const DIGESTS = new Map([
  ['2a864886f70d0207', 'sha1'],
  [OID.hmacWithSha256.toString('hex'), 'sha256'],
  ['2a864886f70d020a', 'sha384'],
  ['2a864886f70d020b', 'sha512'],
]);

/** OWASP's number for PBKDF2 with SHA-256 (Password Storage Cheat Sheet); OpenSSL's own default is 2048. */
const ITERATIONS = 600_000;

/** More would occupy a core for seconds, at the word of whoever wrote the file. */
const MOST_ITERATIONS = 5_000_000;

const KEY_BYTES = 32;

/** Encrypts PKCS#8 (RFC 5958 section 3) by PBES2 with PBKDF2 and AES-256-CBC (RFC 8018), as `openssl pkcs8` reads it. */
export async function encryptPkcs8(privateKey: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const key = await derive(passphrase, salt, ITERATIONS, KEY_BYTES, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(privateKey), cipher.final()]);
  const prf = writeDer(DER.sequence, writeDer(DER.oid, OID.hmacWithSha256), writeDer(DER.null));
  const kdf = named(OID.pbkdf2, writeDer(DER.sequence, writeDer(DER.octets, salt), writeInteger(ITERATIONS), prf));
  const scheme = writeDer(DER.sequence, kdf, named(OID.aes256Cbc, writeDer(DER.octets, iv)));
  return writeDer(DER.sequence, named(OID.pbes2, scheme), writeDer(DER.octets, ciphertext));
}

/**
 * The PKCS#8 within an EncryptedPrivateKeyInfo. The key is derived in the background.
 *
 * @throws KeyRefused `passphrase_wrong`, `unsupported_encryption`, `malformed`
 */
export async function decryptPkcs8(encrypted: Buffer, passphrase: string): Promise<Buffer> {
  const [outer] = readDer(encrypted);
  const [algorithm, ciphertext] = within(outer, DER.sequence);
  const [kdf, cipher] = within(parametersOf(algorithm, OID.pbes2, 'PBES2'), DER.sequence);
  const { salt, iterations, digest } = pbkdf2Parameters(parametersOf(kdf, OID.pbkdf2, 'PBKDF2'));
  const iv = contentOf(parametersOf(cipher, OID.aes256Cbc, 'AES-256-CBC'), DER.octets);
  if (iv.length !== 16)
    throw new KeyRefused('malformed', 'The initialisation vector of the private key is not of 16 bytes.');
  const decipher = createDecipheriv('aes-256-cbc', await derive(passphrase, salt, iterations, KEY_BYTES, digest), iv);
  try {
    const plain = Buffer.concat([decipher.update(contentOf(ciphertext, DER.octets)), decipher.final()]);
    // One wrong passphrase in 256 leaves a padding that looks right.
    return isOneSequence(plain) ? plain : wrongPassphrase();
  } catch (error) {
    if (error instanceof KeyRefused && error.code === 'malformed') throw error;
    return wrongPassphrase();
  }
}

function pbkdf2Parameters(parameters: DerElement | undefined): { salt: Buffer; iterations: number; digest: string } {
  const [salt, iterations, ...options] = within(parameters, DER.sequence);
  const prf = options.find(({ tag }) => tag === DER.sequence);
  const digest = prf ? DIGESTS.get(contentOf(within(prf, DER.sequence)[0], DER.oid).toString('hex')) : 'sha1';
  if (digest === undefined) throw unsupported('PBKDF2 with SHA-256');
  const count = smallInteger(iterations);
  if (count < 1 || count > MOST_ITERATIONS) throw unsupported(`1 to ${MOST_ITERATIONS} iterations of PBKDF2`);
  return { salt: contentOf(salt, DER.octets), iterations: count, digest };
}

/** The parameters of an AlgorithmIdentifier, which must be of this algorithm. */
function parametersOf(identifier: DerElement | undefined, oid: Buffer, name: string): DerElement | undefined {
  const [algorithm, parameters] = within(identifier, DER.sequence);
  if (!contentOf(algorithm, DER.oid).equals(oid)) throw unsupported(name);
  return parameters;
}

function named(oid: Buffer, parameters: Buffer): Buffer {
  return writeDer(DER.sequence, writeDer(DER.oid, oid), parameters);
}

function isOneSequence(bytes: Buffer): boolean {
  try {
    const elements = readDer(bytes);
    return elements.length === 1 && elements[0]?.tag === DER.sequence;
  } catch {
    return false;
  }
}

function wrongPassphrase(): never {
  throw new KeyRefused('passphrase_wrong', 'The passphrase is not the one that the private key is encrypted with.');
}

function unsupported(expected: string): KeyRefused {
  return new KeyRefused(
    'unsupported_encryption',
    `The private key is encrypted in another way than with ${expected}. "openssl pkcs8 -topk8 -v2 aes-256-cbc" converts it.`,
  );
}
