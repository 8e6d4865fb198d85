import type { TokenClaims } from '@portcullis/verifier';
import { audClaim, declaredClaims } from './audience-rules.js';
import type { GeneratedFacts } from './generated-facts.js';
import { isNames, type TokenPermissions } from './token-permissions.js';

/** A generated token as it was recorded. Times are in seconds since 1970. */
export interface RecordedToken {
  jti: string;
  subject: string;
  /** What the subject was found to be. */
  subjectKind: 'user' | 'client' | 'other';
  clientId: string;
  issuedAt: number;
  expiresAt: number;
  notBefore: number | null;
  roles: readonly string[];
  /** What was asked for by name. */
  permissions: TokenPermissions;
  /** What the roles held when it was recorded. */
  fromRoles: readonly string[];
  /** Those given for this token alone. */
  claims: Readonly<Record<string, unknown>>;
}

/**
 * The claims of a generated token, or null where its subject is not there any more. It carries what was granted when it was recorded, as far as
 * that is still there: an event about what went before `as_of` would not take it away. There is no session.
 */
export function generatedTokenClaims(facts: GeneratedFacts, token: RecordedToken, issuer: string): TokenClaims | null {
  const aud = audClaim(facts.audience);
  const gone = (token.subjectKind === 'user' && !facts.user) || (token.subjectKind === 'client' && !facts.client);
  if (gone || aud === null) return null;
  const client = facts.client ?? { id: token.clientId, name: null };
  return {
    ...token.claims,
    ...declaredClaims(facts, { user: facts.user, client }),
    iss: issuer,
    sub: token.subject,
    aud,
    exp: token.expiresAt,
    iat: token.issuedAt,
    ...(token.notBefore !== null && { nbf: token.notBefore }),
    jti: token.jti,
    client_id: token.clientId,
    roles: token.roles.filter((role) => facts.roles.includes(role)),
    ...permissionClaims(facts, token),
    as_of: facts.asOf,
  };
}

function permissionClaims(
  facts: GeneratedFacts,
  { permissions: asked, fromRoles }: RecordedToken,
): Pick<TokenClaims, 'permissions' | 'scope'> {
  if (!isNames(asked)) return { permissions: asked };
  const named = asked.filter((name) => facts.permissions.includes(name));
  const held = fromRoles.filter((name) => facts.rolePermissions.includes(name));
  const permissions = [...new Set([...named, ...held])].sort();
  return { permissions, scope: permissions.join(' ') };
}
