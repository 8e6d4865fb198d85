import type { AccessTokenClaims } from '@portcullis/verifier';
import type { SessionFacts } from './session-facts.js';

export interface MintingRules {
  issuer: string;
  /** Seconds. */
  lifetime: number;
  /** Whether the token names its user for people to read. */
  preferredUsername: boolean;
}

/**
 * The claims of a session's access token (RFC 9068 section 2.2), or null where no token may be minted any more. It never outlives its session, nor
 * the time for which events about its session are kept. Nothing personal is in it, unless so configured.
 */
export function accessTokenClaims(
  facts: SessionFacts,
  session: { id: string; jti: string },
  rules: MintingRules,
): AccessTokenClaims | null {
  const iat = Math.floor(facts.now);
  const exp = Math.min(
    iat + Math.min(rules.lifetime, Math.floor(facts.keepAccess)),
    Math.floor(facts.sessionExpiresAt),
  );
  const [onlyAudience, ...others] = facts.audience;
  if (exp <= iat || onlyAudience === undefined) return null;
  return {
    iss: rules.issuer,
    sub: facts.userId,
    aud: others.length === 0 ? onlyAudience : facts.audience,
    exp,
    iat,
    jti: session.jti,
    client_id: facts.clientId,
    sid: session.id,
    roles: facts.roles,
    permissions: facts.permissions,
    scope: facts.permissions.join(' '),
    as_of: facts.asOf,
    ...(rules.preferredUsername && { preferred_username: facts.username }),
  };
}
