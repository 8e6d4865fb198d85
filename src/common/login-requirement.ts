/** What a route asks of the login behind a token, beyond that there is one. */
export interface LoginRequirement {
  /** How long ago it may have been. */
  maxAgeSeconds?: number;
  /** Whether it must have been made with a second factor. */
  secondFactor?: boolean;
}

/** For what would let a thief of one token keep the account: whoever does it has just logged in. */
export const FRESH_LOGIN = { maxAgeSeconds: 5 * 60 } satisfies LoginRequirement;

/** @param now seconds since 1970 */
export function meetsLoginRequirement(
  { authTime, amr }: { authTime: number | null; amr: readonly string[] },
  { maxAgeSeconds, secondFactor = false }: LoginRequirement,
  now: number,
): boolean {
  const recent = maxAgeSeconds === undefined || (authTime !== null && now - authTime <= maxAgeSeconds);
  return recent && (!secondFactor || amr.includes('mfa'));
}
