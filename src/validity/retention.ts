/** For how long events of one sort are kept: at least as long as any token lives that they may concern. */
export interface Retention {
  keepSeconds: number;
  /** Until then it must not be lowered, because tokens minted under it may still be alive. */
  heldUntil: Date;
}

/** How much longer than a token's life its events are held: for clocks, and for instances that are slow to say what they need. */
export const MARGIN_SECONDS = 600;

/**
 * What to store, given what is stored and the longest lifetime that this instance mints. Raising is immediate; lowering waits until the last
 * token that may have been minted under the old value has expired. Each instance says again and again what it needs, so that while one
 * with a longer lifetime runs, another never lowers it.
 */
export function nextRetention(stored: Retention, neededSeconds: number, now: Date): Retention {
  if (neededSeconds < stored.keepSeconds && now < stored.heldUntil) return stored;
  const held = new Date(now.getTime() + (neededSeconds + MARGIN_SECONDS) * 1000);
  const keepsLonger = neededSeconds === stored.keepSeconds && stored.heldUntil > held;
  return keepsLonger ? stored : { keepSeconds: neededSeconds, heldUntil: held };
}
