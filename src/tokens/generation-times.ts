import { DEFAULT_TIME_LIMITS } from '@portcullis/verifier';
import type { FieldError } from '../common/problem.js';

/** Why a token may not live longer, as the answer names it. */
export interface LifetimeBound {
  /** Seconds. */
  seconds: number;
  name: string;
}

/** What is wrong with a lifetime; more than is allowed is refused, never silently cut. */
export function lifetimeProblems(ttlSeconds: number, bounds: readonly LifetimeBound[]): FieldError[] {
  const [tightest] = [...bounds].sort((a, b) => a.seconds - b.seconds);
  if (!tightest || ttlSeconds <= tightest.seconds) return [];
  return [{ field: 'ttlSeconds', message: `must not be more than ${tightest.seconds}: ${tightest.name}` }];
}

/** All in seconds since 1970. */
export interface GenerationTimes {
  issuedAt: number;
  expiresAt: number;
  notBefore: number | null;
  /** When the token expires by which this one is generated, if that one was generated itself. */
  generatorExpiresAt: number | null;
}

/**
 * What is wrong with the times of a token, once it is known when it is issued. What was generated hands on no more time than it has left: or who has
 * a token for an hour would have one for ever.
 */
export function timeProblems({ issuedAt, expiresAt, notBefore, generatorExpiresAt }: GenerationTimes): FieldError[] {
  const earliest = issuedAt - DEFAULT_TIME_LIMITS.clockToleranceSeconds;
  const outside = notBefore !== null && (notBefore < earliest || notBefore >= expiresAt);
  const outlives = generatorExpiresAt !== null && expiresAt > generatorExpiresAt;
  return [
    ...(outside ? [{ field: 'notBefore', message: 'must lie within the lifetime of the token' }] : []),
    ...(outlives
      ? [
          {
            field: 'ttlSeconds',
            message: `must not be more than ${Math.max(0, generatorExpiresAt - issuedAt)}: what the generated token that asks has left`,
          },
        ]
      : []),
  ];
}
