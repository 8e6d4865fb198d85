import type { Principal } from '@portcullis/verifier';
import type { RefreshableSession } from '../../sessions/sessions.service.js';
import type { IntrospectionDto } from './oauth.dto.js';

/** RFC 7662 section 2.2: of a token that is not active, or none of the caller's business, nothing else is said. */
export const INACTIVE: IntrospectionDto = Object.freeze({ active: false });

/** Who asks about a token. */
export interface Introspector {
  clientId: string | null;
  /** Those of the client; none for somebody who asks with a token. */
  audiences: readonly string[];
  /** Whether it may ask about every token. */
  mayAskAboutAll: boolean;
}

/** RFC 7662 section 4: one service learns nothing about tokens for another. */
export function mayAskAbout(audience: readonly string[], { audiences, mayAskAboutAll }: Introspector): boolean {
  return mayAskAboutAll || audience.some((each) => audiences.includes(each));
}

/** What an accepted token says: roles and permissions that were taken away since are gone from it. */
export function aboutAccessToken({ claims, roles, permissions, scope }: Principal): IntrospectionDto {
  const { sub, client_id, aud, iss, exp, iat, nbf, jti, sid, preferred_username } = claims;
  const ofBroker = claims.permissions !== undefined && !Array.isArray(claims.permissions);
  return {
    active: true,
    ...(scope !== '' && { scope }),
    client_id,
    ...(preferred_username !== undefined && { username: preferred_username }),
    token_type: 'Bearer',
    exp,
    iat,
    ...(nbf !== undefined && { nbf }),
    sub,
    aud,
    iss,
    jti,
    ...(sid !== undefined && { sid }),
    ...(claims.roles !== undefined && { roles }),
    ...(claims.permissions !== undefined && { permissions: ofBroker ? claims.permissions : [...permissions] }),
  };
}

/** Of a refresh token that could be used now. */
export function aboutRefreshToken(session: RefreshableSession, issuer: string): IntrospectionDto {
  const [only, ...others] = session.audience;
  return {
    active: true,
    client_id: session.clientId,
    exp: Math.floor(session.expiresAt.getTime() / 1000),
    iat: Math.floor(session.createdAt.getTime() / 1000),
    sub: session.userId,
    ...(only !== undefined && { aud: others.length === 0 ? only : session.audience }),
    iss: issuer,
    sid: session.sessionId,
  };
}
