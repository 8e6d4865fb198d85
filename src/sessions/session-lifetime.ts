/** Seconds. */
export interface SessionLifetimes {
  /** How long a session lives on when it is not used. */
  idle: number;
  /** How long it lives at most; null: as long as it is used. */
  max: number | null;
}

/** What the configuration says about sessions. A session whose refresh token has expired cannot be used either. */
export function lifetimesOf(env: {
  refreshTokenTtl: number;
  sessionIdleTtl: number | null;
  sessionMaxTtl: number | null;
}): SessionLifetimes {
  return { idle: Math.min(env.refreshTokenTtl, env.sessionIdleTtl ?? Infinity), max: env.sessionMaxTtl };
}

/** Milliseconds since 1970. */
export interface SessionTimes {
  expiresAt: number;
  /** Null: never. */
  endsAt: number | null;
}

/** A session's times at its start. */
export function timesAtStart(now: number, { idle, max }: SessionLifetimes): SessionTimes {
  const endsAt = max === null ? null : now + max * 1000;
  return { expiresAt: Math.min(now + idle * 1000, endsAt ?? Infinity), endsAt };
}

/**
 * The times after a use. The end is fixed by the first of them; what has been promised is not taken back when the configuration changes, since an
 * `expires_at` that goes down is an ending to the validity window. The statement that rotates says the same.
 */
export function timesAfterUse(
  now: number,
  startedAt: number,
  { expiresAt, endsAt: known }: SessionTimes,
  { idle, max }: SessionLifetimes,
): SessionTimes {
  const endsAt = known ?? (max === null ? null : startedAt + max * 1000);
  return { expiresAt: Math.max(expiresAt, Math.min(now + idle * 1000, endsAt ?? Infinity)), endsAt };
}
