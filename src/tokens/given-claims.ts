import { CLAIM_NAME, MOST_EXTRA_CLAIMS } from '../clients/extra-claims.js';
import { isIdentityClaim, isReservedClaim } from '../clients/reserved-claims.js';
import type { FieldError } from '../common/problem.js';

/** Bytes of JSON, all together. */
export const MOST_CLAIM_BYTES = 2048;
export const DEEPEST_CLAIM = 4;

/**
 * What is wrong with the claims that somebody wants in a token; empty when nothing is. None may look like one that decides something or says who
 * somebody is, nor like one that the audience has told from elsewhere.
 *
 * @param declared the names of the audience's own extra claims
 */
export function givenClaimProblems(
  claims: Readonly<Record<string, unknown>>,
  declared: readonly string[],
): FieldError[] {
  const entries = Object.entries(claims);
  if (entries.length > MOST_EXTRA_CLAIMS)
    return [{ field: 'claims', message: `must not be more than ${MOST_EXTRA_CLAIMS}` }];
  if (Buffer.byteLength(JSON.stringify(claims)) > MOST_CLAIM_BYTES)
    return [{ field: 'claims', message: `must not be longer than ${MOST_CLAIM_BYTES} bytes of JSON` }];
  return entries.flatMap(([name, value]) => {
    if (!CLAIM_NAME.test(name))
      return [{ field: 'claims', message: 'must have names of letters, digits, _ . : / and -' }];
    const message = problemOf(name, value, declared);
    return message === null ? [] : [{ field: `claims.${name}`, message }];
  });
}

function problemOf(name: string, value: unknown, declared: readonly string[]): string | null {
  if (isReservedClaim(name)) return 'is a reserved claim';
  if (isIdentityClaim(name)) return 'says who somebody is, which only an audience can have told';
  if (declared.includes(name)) return 'is a claim that the audience itself declares';
  return isDeeper(value, DEEPEST_CLAIM) ? `must not nest deeper than ${DEEPEST_CLAIM}` : null;
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((child) => isDeeper(child, depth - 1));
}
