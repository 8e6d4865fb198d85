import type { EntityManager } from 'typeorm';

/** A move to another address that nobody has confirmed yet: the mail that waits, and the link once it was sent. */
export const ADDRESS_CHANGE = { kind: 'email-change', purpose: 'mail:email-change' } as const;

/**
 * Calls it off, for the user whose sessions are all ended: whoever does that wants nothing to go on that somebody in the account has begun. With the user's
 * row locked, which those who ask for a change, mail its link or redeem it lock for themselves: so none is under way unseen.
 */
export async function callOffAddressChange(manager: EntityManager, userId: string): Promise<void> {
  const { kind, purpose } = ADDRESS_CHANGE;
  await manager.query('DELETE FROM mail_requests WHERE user_id = $1 AND kind = $2', [userId, kind]);
  await manager.query('DELETE FROM single_use_tokens WHERE user_id = $1 AND purpose = $2', [userId, purpose]);
}

/**
 * Whether a forced expiration has ended all sessions of the user since then: theirs, those of a role that they had already, or everybody's. By numbers in
 * order of commit, as sessions are, so that an expiration never waits for a row of a user.
 *
 * @param asOf the number that was read with the password; undefined where an earlier version asked for the change
 */
export async function allSessionsExpiredSince(manager: EntityManager, userId: string, asOf: unknown): Promise<boolean> {
  const endings = await manager.query<unknown[]>(
    `SELECT FROM session_endings e WHERE e.seq > $2::bigint AND (
       (e.kind, e.key) IN (('global', '*'), ('user', $1::uuid::text))
       OR e.kind = 'role' AND EXISTS (
         SELECT FROM user_roles r WHERE r.user_id = $1::uuid AND r.role_name = e.key AND r.granted_at < e.at))
     LIMIT 1`,
    [userId, asOf ?? null],
  );
  return endings.length > 0;
}
