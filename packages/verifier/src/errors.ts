import type { TokenClaims } from './claims.js';
import type { RefusalReason } from './refusal-reason.js';

export interface VerificationErrorOptions {
  /** Whether the token carries a good signature of a known key. Only then may its bearer be told the reason. */
  signatureValid: boolean;
  claims?: TokenClaims;
}

/** The token is refused. Answer 401 with `error="invalid_token"` (RFC 6750 section 3.1). */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';
  readonly code = 'invalid_token';
  readonly reason: RefusalReason;
  readonly signatureValid: boolean;
  /** What the token claims; undefined unless its signature is good and its claims are well formed. */
  readonly claims: TokenClaims | undefined;

  constructor(reason: RefusalReason, { signatureValid, claims }: VerificationErrorOptions) {
    super(`token refused: ${reason}`);
    this.reason = reason;
    this.signatureValid = signatureValid;
    this.claims = signatureValid ? claims : undefined;
  }
}

/**
 * Whether the token is still valid cannot be known now: the source of events or of keys did not answer in time. It says
 * nothing against the token. Answer 503, never a guess.
 */
export class StaleWindowError extends Error {
  override readonly name = 'StaleWindowError';
  readonly code = 'validity_unknown';
}
