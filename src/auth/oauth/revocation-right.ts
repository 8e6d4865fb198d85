import type { TokenClaims } from '@portcullis/verifier';
import { LOGIN_CLIENT } from '../../common/login-client.js';
import type { OAuthCaller } from './caller.service.js';

/** What of a caller it depends on whether a token is its own. */
export type TokenHolder =
  | { kind: 'client'; client: Pick<Extract<OAuthCaller, { kind: 'client' }>['client'], 'clientId'> }
  | { kind: 'bearer'; principal: Pick<Extract<OAuthCaller, { kind: 'bearer' }>['principal'], 'tokenId' | 'sessionId'> }
  | { kind: 'public' };

/**
 * Whether an access token is the caller's own, to be revoked without any right (RFC 7009 section 2.1): a client's, when it was issued to it;
 * somebody's who calls with a token, when it is that one or of the same session; and of a session, whosever has it, since a public client proves
 * itself by nothing else. What was generated may be in several hands, and so is nobody's own in that way.
 */
export function isOwn({ jti, sid, client_id }: TokenClaims, holder: TokenHolder): boolean {
  switch (holder.kind) {
    case 'client':
      return client_id === holder.client.clientId;
    case 'bearer':
      return jti === holder.principal.tokenId || (sid !== undefined && sid === holder.principal.sessionId);
    case 'public':
      return client_id === LOGIN_CLIENT && sid !== undefined;
  }
}
