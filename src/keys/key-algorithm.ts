import type { KeyObject } from 'node:crypto';
import { algorithmOf, verificationAlgorithmOf, type Algorithm } from '@portcullis/verifier';
import type { DeclaredUse } from './jwk-material.js';
import { KeyRefused } from './key-refused.js';

/**
 * The algorithm of a key that signs. It follows from its kind and length: what a JWK says about itself must agree.
 *
 * @param pss RSA only: PS256 and so on in place of RS256; undefined: what the JWK says
 * @throws KeyRefused `wrong_algorithm`
 */
export function signingAlgorithm(key: KeyObject, { alg }: DeclaredUse, pss?: boolean): Algorithm {
  const isRsa = key.asymmetricKeyType === 'rsa';
  if (pss === true && !isRsa) throw new KeyRefused('wrong_algorithm', 'Only RSA keys sign with PSS.');
  const algorithm = algorithmOf(key, { pss: isRsa && (pss ?? alg?.startsWith('PS') ?? false) });
  if (alg !== undefined && !isNameOf(algorithm, alg)) {
    throw new KeyRefused(
      'wrong_algorithm',
      `The "alg" of the JWK does not fit: by its kind and length this key signs ${algorithm}.`,
    );
  }
  return algorithm;
}

export interface VerificationWish {
  /** RSA only: PS256 and so on in place of RS256. */
  pss?: boolean | undefined;
  /** Which algorithms the operator has named: at most one of them may fit the key. */
  algorithms?: readonly Algorithm[] | undefined;
}

/**
 * The one algorithm of a key that only verifies: what its JWK says, or what the operator has named; else that by which it would sign. Tokens of others
 * name any hash with an RSA key of any length. Nothing that a token says is asked.
 *
 * @throws KeyRefused `wrong_algorithm` where these contradict each other or the key, or do not say which of several is meant
 */
export function verificationAlgorithm(
  key: KeyObject,
  { alg }: DeclaredUse,
  { pss, algorithms = [] }: VerificationWish = {},
): Algorithm {
  if (pss === true && key.asymmetricKeyType !== 'rsa')
    throw new KeyRefused('wrong_algorithm', 'Only RSA keys sign with PSS.');
  const fitting = algorithms.filter((algorithm) => fits(key, algorithm));
  const wanted = alg ?? only(fitting) ?? algorithmOf(key, { pss: pss === true });
  if (!fits(key, wanted) || (pss === true && !wanted.startsWith('PS'))) {
    throw new KeyRefused('wrong_algorithm', 'The "alg" of the JWK does not fit: no key of this kind verifies that.');
  }
  return verificationAlgorithmOf(key, wanted);
}

function only(fitting: readonly Algorithm[]): Algorithm | undefined {
  const [first, ...others] = new Set(fitting);
  if (others.length === 0) return first;
  throw new KeyRefused(
    'wrong_algorithm',
    `A key has one algorithm, and this one could be for ${[first, ...others].join(' or ')}: name the one that is meant.`,
  );
}

function fits(key: KeyObject, algorithm: string): boolean {
  try {
    verificationAlgorithmOf(key, algorithm);
    return true;
  } catch {
    return false;
  }
}

/** RFC 9864 section 2.2 names EdDSA on this curve Ed25519. */
function isNameOf(algorithm: Algorithm, alg: string): boolean {
  return alg === algorithm || (algorithm === 'EdDSA' && alg === 'Ed25519');
}
