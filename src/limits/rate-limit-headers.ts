import type { RateLimitPolicy } from './rate-limit-policies.js';

/** What is left to whoever asked. */
export interface RateLimitState {
  /** Requests. */
  remaining: number;
  /** Until all of them may be made again. */
  msBeforeReset: number;
}

/**
 * The header fields of draft-ietf-httpapi-ratelimit-headers, in the structured form of its versions since 08: quota `q` and window `w` (seconds), remaining `r`
 * and `t` (seconds) until it starts anew. `Retry-After` says the same where there is nothing left (RFC 9110 section 10.2.3).
 */
export function rateLimitHeaders(
  name: string,
  { quota, seconds }: Pick<RateLimitPolicy, 'quota' | 'seconds'>,
  { remaining, msBeforeReset }: RateLimitState,
): Record<'ratelimit-policy' | 'ratelimit', string> {
  const left = Math.min(quota, Math.max(0, Math.floor(remaining)));
  const reset = Math.max(0, Math.ceil(msBeforeReset / 1000));
  return {
    'ratelimit-policy': `"${name}";q=${quota};w=${seconds}`,
    ratelimit: `"${name}";r=${left};t=${reset}`,
  };
}
