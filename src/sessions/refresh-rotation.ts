/** What the row of a live session says about its refresh tokens. */
export interface RefreshState {
  /** The generation of the newest token. */
  generation: number;
  /** When the latest generations before it were used, oldest first: the last entry is the use that made the newest token. */
  uses: readonly Date[];
}

/**
 * - `rotate`: the newest token; it is used up and its successor issued.
 * - `repeat`: used a moment ago, by a request that ran at the same time or whose answer was lost: its direct successor is given again.
 * - `reuse`: used longer ago. Either the client or a thief has an old copy; the session ends (RFC 9700 section 4.14.2).
 * - `unknown`: newer than anything the database knows of, as after a restore. It is refused, and nothing is concluded from it.
 */
export type RefreshDecision = 'rotate' | 'repeat' | 'reuse' | 'unknown';

/** @param presented the generation of an authentic token of this session */
export function decideRefresh(
  presented: number,
  state: RefreshState,
  now: Date,
  graceSeconds: number,
): RefreshDecision {
  if (presented === state.generation) return 'rotate';
  if (presented > state.generation) return 'unknown';
  const used = state.uses.at(presented - state.generation);
  return used !== undefined && now.getTime() - used.getTime() <= graceSeconds * 1000 ? 'repeat' : 'reuse';
}

/** A session that rotates more often than this within the grace window is no client that lost an answer. */
export const MAX_REMEMBERED_USES = 256;
