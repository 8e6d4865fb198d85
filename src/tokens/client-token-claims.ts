import type { AccessTokenClaims } from '@portcullis/verifier';
import { audClaim, declaredClaims, lifetimeAllowed } from './audience-rules.js';
import type { ClientFacts } from './client-facts.js';

export interface ClientTokenRequest {
  jti: string;
  /** Null: all that the client holds. */
  permissions: readonly string[] | null;
}

export interface ClientTokenRules {
  issuer: string;
  /** Seconds; of tokens for an audience that says nothing about it. */
  lifetime: number;
  /** Seconds; of any token. */
  longest: number;
}

/**
 * The claims of a client's own access token (RFC 9068 sections 2.2 and 3): the client is its subject, and there is neither session nor role. It is
 * granted what was asked for and is held. Null where no token may be minted.
 */
export function clientTokenClaims(
  facts: ClientFacts,
  { jti, permissions: requested }: ClientTokenRequest,
  { issuer, lifetime, longest }: ClientTokenRules,
): AccessTokenClaims | null {
  const iat = Math.floor(facts.now);
  const seconds = Math.min(lifetimeAllowed(facts, lifetime), longest, Math.floor(facts.keep));
  const aud = audClaim(facts.audience);
  if (seconds <= 0 || aud === null) return null;
  const permissions = facts.permissions.filter((held) => requested?.includes(held) ?? true);
  return {
    ...declaredClaims(facts, { client: { id: facts.clientId, name: facts.name } }),
    iss: issuer,
    sub: facts.clientId,
    aud,
    exp: iat + seconds,
    iat,
    jti,
    client_id: facts.clientId,
    roles: [],
    permissions,
    scope: permissions.join(' '),
    as_of: facts.asOf,
  };
}
