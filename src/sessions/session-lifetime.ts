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
