import { hasBrokerTokenClaims, type SubjectPermissions } from './claims.js';
import { VerificationError } from './errors.js';
import type { Principal } from './principal.js';

/** Who connects to a message broker. What is permitted are subjects: ask `allows(principal.permissions, 'pub', subject)`. */
export interface BrokerPrincipal extends Omit<Principal, 'permissions'> {
  readonly permissions: SubjectPermissions;
}

/** @throws VerificationError `wrong_type` for the principal of a token that is not a broker's */
export function brokerPrincipalOf(principal: Principal): BrokerPrincipal {
  const { claims } = principal;
  if (!hasBrokerTokenClaims(claims)) throw new VerificationError('wrong_type', { signatureValid: true, claims });
  return { ...principal, permissions: claims.permissions };
}
