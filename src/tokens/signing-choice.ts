import type { Algorithm } from '@portcullis/verifier';
import type { SigningAlgorithm } from '../../config/env.js';
import type { MintingFacts } from './minting-facts.js';

/** What is wrong with one of the audiences that a token was asked for. */
export interface AudienceProblem {
  audience: string;
  message: string;
}

/**
 * - `sign`: with this key.
 * - `make`: with the key of this algorithm, of which none signs yet.
 * - `refuse`: there is no key that all of the audiences take.
 */
export type SigningChoice =
  | { kind: 'sign'; algorithm: Algorithm; kid: string }
  | { kind: 'make'; algorithm: SigningAlgorithm }
  | { kind: 'refuse'; problems: AudienceProblem[] };

export interface IssuerKeys {
  issuer: string;
  /** Of the key that signs for the issuer itself. */
  algorithm: SigningAlgorithm;
  /** An audience that the issuer's key serves while it is not registered. */
  unregistered?: string | null;
}

interface Signer {
  audience: string;
  algorithm: string;
  kid: string | null;
}

/**
 * Which key signs a token for these audiences. An audience with a secret of its own must be the only one: whoever knows that secret can sign
 * whatever it signs. The others share the keys of their algorithms, and must agree on one.
 */
export function chooseSigner(
  { audience, audiences, kid }: Pick<MintingFacts, 'audience' | 'audiences' | 'kid'>,
  { issuer, algorithm, unregistered = null }: IssuerKeys,
): SigningChoice {
  const registered = new Map((audiences ?? []).map((facts) => [facts.identifier, facts]));
  const signers = audience.map((name): Signer | AudienceProblem => {
    const facts = name === issuer ? undefined : registered.get(name);
    if (facts) return { audience: name, algorithm: facts.algorithm, kid: facts.kid };
    if (name === issuer || name === unregistered) return { audience: name, algorithm, kid };
    return { audience: name, message: 'is not a known audience' };
  });
  const unknown = signers.filter((signer) => 'message' in signer);
  if (unknown.length > 0) return { kind: 'refuse', problems: unknown };
  return agreed(signers.filter((signer) => 'algorithm' in signer));
}

function agreed(signers: readonly Signer[]): SigningChoice {
  const [first, ...others] = signers;
  if (!first) return { kind: 'refuse', problems: [{ audience: '', message: 'must name at least one' }] };
  const problems = signers.flatMap(({ audience, algorithm, kid }): AudienceProblem[] => {
    const symmetric = isSymmetric(algorithm);
    if (symmetric && others.length > 0)
      return [{ audience, message: 'has a secret of its own, and so must be the only audience' }];
    if (symmetric && kid === null) return [{ audience, message: 'has no key that signs' }];
    if (algorithm === first.algorithm) return [];
    return [{ audience, message: `takes ${algorithm}, and not the ${first.algorithm} of the first audience` }];
  });
  if (problems.length > 0) return { kind: 'refuse', problems };
  const { algorithm, kid } = first;
  return kid === null
    ? { kind: 'make', algorithm: algorithm as SigningAlgorithm }
    : { kind: 'sign', algorithm: algorithm as Algorithm, kid };
}

/** An HMAC algorithm (RFC 7518 section 3.2). */
export function isSymmetric(algorithm: string): boolean {
  return algorithm.startsWith('HS');
}
