/** Every reason for which a token can be refused. Stable: logs, metrics and callers depend on these names. */
export const REFUSAL_REASONS = [
  'malformed',
  'wrong_type',
  'unknown_key',
  'bad_signature',
  'key_revoked',
  'expired',
  'not_yet_valid',
  'too_old',
  'lifetime_too_long',
  'wrong_issuer',
  'wrong_audience',
  'as_of_missing',
  'below_floor',
  'user_disabled',
  'user_deleted',
  'credentials_changed',
  'facts_changed',
  'role_changed',
  'session_ended',
  'token_revoked',
  'client_disabled',
  'forced_expiration',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];
