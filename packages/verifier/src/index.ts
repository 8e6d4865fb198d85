export {
  algorithmOf,
  verificationAlgorithmOf,
  verificationKey,
  verifySignature,
  type Algorithm,
  type VerificationKey,
} from './algorithms.js';
export { bearerOf, hasSeveralAuthorizations, type Bearer, type HeadersOfRequest } from './bearer.js';
export {
  addresseeRefusal,
  audienceOf,
  BROKER_TOKEN_TYPE,
  DEFAULT_TIME_LIMITS,
  hasAccessTokenClaims,
  hasBrokerTokenClaims,
  isAccessTokenType,
  isBrokerTokenType,
  isExpired,
  isNotYetValid,
  outlivesRetention,
  readTokenClaims,
  timeRefusal,
  type AccessTokenClaims,
  type BrokerTokenClaims,
  type SubjectPermissions,
  type TimeLimits,
  type TokenClaims,
} from './claims.js';
export type { BrokerPrincipal } from './broker-principal.js';
export { createVerifier, Verifier } from './create-verifier.js';
export type { Basis, Decision, Notice } from './decisions.js';
export { StaleWindowError, VerificationError, type VerificationErrorOptions } from './errors.js';
export {
  assertCatchUp,
  EVENT_KINDS,
  GLOBAL_KEY,
  hashedKey,
  type CatchUp,
  type EventKind,
  type HashedKind,
  type ValidityEvent,
  type ValiditySource,
} from './events.js';
export type { Health } from './health.js';
export { HttpError } from './http-json.js';
export { WindowFollower, type FollowerOptions } from './follower.js';
export { membersKept, membersWritten } from './json-members.js';
export { MAX_TOKEN_LENGTH, parseJws, type JwsHeader, type ParsedJws } from './jws.js';
export { LongPollFollower, type LongPollOptions, type LongPollSource } from './long-poll-follower.js';
export { withoutStripped, type Principal, type Stripped } from './principal.js';
export { readKeys } from './remote-keys.js';
export { REFUSAL_REASONS, type RefusalReason } from './refusal-reason.js';
export {
  endingEvent,
  ENDING_KINDS,
  isKeyRevoked,
  outrunsWindow,
  refusalOf,
  strippedBy,
  type EndingKind,
} from './refusal.js';
export type { JsonObject } from './strict-json.js';
export { isSubscriberName, SUBSCRIBER_FORM } from './subscriber-name.js';
export { allows, covers, isSubject, type SubjectAction } from './subjects.js';
export { DEFAULT_CACHE_LIMITS, TokenCache, type TokenCacheLimits } from './token-cache.js';
export { NO_AS_OF, VerifiedToken, type EventKeys } from './verified-token.js';
export type { BrokerVerifierOptions, OnStale, VerifierOptions, VerifyTokenOptions } from './verifier-options.js';
export {
  TokenVerifier,
  type Follower,
  type KeyResolver,
  type SignedToken,
  type TokenVerifierOptions,
  type VerifyOptions,
} from './verifier.js';
export { ValidityWindow, type Applied, type WindowEntry, type WindowView } from './window.js';
