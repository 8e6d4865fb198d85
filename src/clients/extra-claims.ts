import type { FieldError } from '../common/problem.js';
import { isReservedClaim } from './reserved-claims.js';

/** What an audience may have told about the user or the client of a token, in a claim of its own. Nothing else ever gets into one. */
export const CLAIM_ATTRIBUTES = [
  'user.id',
  'user.username',
  'user.email',
  'user.displayName',
  'client.id',
  'client.name',
] as const;

export type ClaimAttribute = (typeof CLAIM_ATTRIBUTES)[number];

/** Whom a token is about. What is null or absent gives no claim: a token of a client has no user. */
export interface ClaimSubject {
  user?: { id: string; username: string; email: string | null; displayName: string | null } | null;
  client?: { id: string; name: string | null } | null;
}

/** Each becomes part of every token of the audience. */
export const MOST_EXTRA_CLAIMS = 20;

/** A word, or a name that nobody else uses because it is a URI (RFC 7519 section 4.2). */
export const CLAIM_NAME = /^[A-Za-z]([A-Za-z0-9_.:/-]{0,126}[A-Za-z0-9])?$/;
const CLAIM_NAME_RULE = 'is not a claim’s name: 1 to 128 of A-Z, a-z, 0-9, _ . : / and -, starting with a letter';

/** What is wrong with the extra claims that somebody wants for an audience; empty when nothing is. */
export function claimProblems(claims: Readonly<Record<string, unknown>>): FieldError[] {
  const entries = Object.entries(claims);
  if (entries.length > MOST_EXTRA_CLAIMS) {
    return [{ field: 'claims', message: `must not be more than ${MOST_EXTRA_CLAIMS.toString()}` }];
  }
  return entries.flatMap(([name, attribute]) => {
    const message = problemOf(name, attribute);
    // What is no name is not repeated either.
    return message === null ? [] : [{ field: CLAIM_NAME.test(name) ? `claims.${name}` : 'claims', message }];
  });
}

/**
 * The extra claims of a token. What the configuration should not hold is left out here as well: it may have been written in SQL.
 *
 * @param config the claim's name and the attribute that it shows
 */
export function extraClaims(
  config: Readonly<Record<string, unknown>>,
  { user, client }: ClaimSubject,
): Record<string, string> {
  const attributes: Record<ClaimAttribute, string | null | undefined> = {
    'user.id': user?.id,
    'user.username': user?.username,
    'user.email': user?.email,
    'user.displayName': user?.displayName,
    'client.id': client?.id,
    'client.name': client?.name,
  };
  const claims = Object.entries(config)
    .slice(0, MOST_EXTRA_CLAIMS)
    .flatMap(([name, attribute]): [string, string][] => {
      if (problemOf(name, attribute) !== null) return [];
      const value = attributes[attribute as ClaimAttribute];
      return value === null || value === undefined ? [] : [[name, value]];
    });
  return Object.fromEntries(claims);
}

function problemOf(name: string, attribute: unknown): string | null {
  if (!CLAIM_NAME.test(name)) return CLAIM_NAME_RULE;
  if (isReservedClaim(name)) return 'is a reserved claim';
  if (!CLAIM_ATTRIBUTES.includes(attribute as ClaimAttribute)) return `must be one of ${CLAIM_ATTRIBUTES.join(', ')}`;
  return null;
}
