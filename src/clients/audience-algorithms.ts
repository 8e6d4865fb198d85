import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../config/env.js';

/** Bytes of the secret: the algorithm belongs to the key, and its length says which (RFC 7518 section 3.2 asks for at least these). */
export const SECRET_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;

export type HmacAlgorithm = keyof typeof SECRET_BYTES;
export type AudienceAlgorithm = SigningAlgorithm | HmacAlgorithm;

export const AUDIENCE_ALGORITHMS: readonly AudienceAlgorithm[] = [
  ...SIGNING_ALGORITHMS,
  ...(Object.keys(SECRET_BYTES) as HmacAlgorithm[]),
];

/** Whether tokens are signed with a secret of the audience's own; else with the key that all audiences of the algorithm share. */
export function isHmac(algorithm: AudienceAlgorithm): algorithm is HmacAlgorithm {
  return Object.hasOwn(SECRET_BYTES, algorithm);
}
