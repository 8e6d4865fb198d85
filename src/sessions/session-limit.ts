import type { EntityManager } from 'typeorm';

/**
 * Makes room for one more session of a user who may have so many at once: those that were used longest ago end. Logins of one user take turns from
 * here to their commit, so that however many there are at once, no more than the limit are live.
 *
 * Nothing is done for a login whose credentials have changed meanwhile: its session will not be live, and costs no other.
 *
 * @param sessionEpoch that of the login
 * @returns the sessions that ended
 */
export async function makeRoom(
  manager: EntityManager,
  { userId, sessionEpoch }: { userId: string; sessionEpoch: string },
  limit: number,
): Promise<string[]> {
  const current = await manager.query<unknown[]>(
    'SELECT FROM users WHERE id = $1 AND session_epoch = $2 FOR NO KEY UPDATE',
    [userId, sessionEpoch],
  );
  if (current.length === 0) return [];
  const [ended] = await manager.query<[{ id: string }[], number]>(
    `UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'session_limit'
     WHERE revoked_at IS NULL AND id IN (
       SELECT id FROM live_sessions WHERE user_id = $1 ORDER BY last_used_at DESC, id DESC OFFSET $2)
     RETURNING id`,
    [userId, limit - 1],
  );
  return ended.map(({ id }) => id);
}
