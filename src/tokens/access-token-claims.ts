import type { AccessTokenClaims } from '@portcullis/verifier';
import { audClaim, declaredClaims, lifetimeAllowed } from './audience-rules.js';
import { lacksSecondFactor } from './second-factor-rule.js';
import type { SessionFacts } from './session-facts.js';

export interface MintingRules {
  issuer: string;
  /** Seconds. */
  lifetime: number;
  /** Whether the token names its user for people to read. */
  preferredUsername: boolean;
  /** Who has one of these roles gets tokens with a second factor only. */
  secondFactorRoles: readonly string[];
}

export interface SessionToken {
  sessionId: string;
  jti: string;
  /** Grant these alone, as far as the session holds them (RFC 6749 section 6); null or absent: all that it holds. */
  permissions?: readonly string[] | null | undefined;
}

/**
 * The claims of a session's access token (RFC 9068 section 2.2), or null where no token may be minted any more. It never outlives its session, nor
 * the time for which events about its session are kept; and a user who has, or must have, a second factor gets none without it, however the
 * session began. Nothing personal is in it, unless so configured.
 *
 * The roles are all of the user's, also where fewer permissions are granted: by them a verifier knows which permissions to take away when a role
 * loses one.
 */
export function accessTokenClaims(
  facts: SessionFacts,
  { sessionId, jti, permissions: wanted }: SessionToken,
  rules: MintingRules,
): AccessTokenClaims | null {
  const iat = Math.floor(facts.now);
  const lifetime = Math.min(rules.lifetime, lifetimeAllowed(facts, rules.lifetime), Math.floor(facts.keepAccess));
  const exp = Math.min(iat + lifetime, Math.floor(facts.sessionExpiresAt));
  const aud = audClaim(facts.audience);
  if (exp <= iat || aud === null || lacksSecondFactor(facts, rules.secondFactorRoles)) return null;
  const permissions = wanted ? facts.permissions.filter((held) => wanted.includes(held)) : facts.permissions;
  return {
    ...declaredClaims(facts, {
      user: {
        id: facts.userId,
        username: facts.username,
        email: facts.email ?? null,
        displayName: facts.displayName ?? null,
      },
      client: { id: facts.clientId, name: null },
    }),
    iss: rules.issuer,
    sub: facts.userId,
    aud,
    exp,
    iat,
    jti,
    client_id: facts.clientId,
    sid: sessionId,
    auth_time: Math.floor(facts.authTime),
    ...(facts.amr.length > 0 && { amr: facts.amr }),
    roles: facts.roles,
    permissions,
    scope: permissions.join(' '),
    as_of: facts.asOf,
    ...(rules.preferredUsername && { preferred_username: facts.username }),
  };
}
