import type { SessionLifetimes } from '../../src/sessions/session-lifetime.js';

// The model that the statements of src/sessions/sessions.service.ts are tested against, which start and rotate sessions.

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
 * `expires_at` that goes down is an ending to the validity window.
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
