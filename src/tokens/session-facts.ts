/** Everything that a session's token says, as one statement saw it. */
export interface SessionFacts {
  /** The validity clock, seen by the statement that read all the rest: what the token is newer than. */
  asOf: number;
  /** Seconds since 1970 by the database's clock, with fractions. */
  now: number;
  /** Longest lifetime that events about sessions are kept for, seconds. */
  keepAccess: number;
  /** The key that signs; null when there is none, as after a revocation. */
  kid: string | null;
  userId: string;
  username: string;
  clientId: string;
  audience: string[];
  /** When the session ends by itself, seconds since 1970. */
  sessionExpiresAt: number;
  roles: string[];
  permissions: string[];
}

/**
 * Reads the facts of session `$1`, and the key that signs with algorithm `$2`; no row when the session is not live. One statement, so one snapshot: an
 * event that it does not see has a later `seq` than the `as_of` it returns. Nothing here may lock, be cached, or call a function that reads
 * tables by itself: each of these would read at another moment.
 */
export const SESSION_FACTS = `
SELECT (SELECT seq FROM validity_clock)::float8 AS "asOf",
  extract(epoch FROM clock_timestamp())::float8 AS now,
  (SELECT extract(epoch FROM keep_access) FROM validity_clock)::float8 AS "keepAccess",
  (SELECT kid FROM signing_keys WHERE state = 'active' AND algorithm = $2 AND audience IS NULL) AS kid,
  s.user_id AS "userId", u.username, s.client_id AS "clientId", s.audience,
  extract(epoch FROM s.expires_at)::float8 AS "sessionExpiresAt",
  ARRAY(SELECT r.role_name FROM user_roles r WHERE r.user_id = s.user_id ORDER BY 1) AS roles,
  ARRAY(SELECT DISTINCT p.permission_name FROM user_roles r JOIN role_permissions p ON p.role_name = r.role_name
    WHERE r.user_id = s.user_id ORDER BY 1) AS permissions
FROM live_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = $1`;
