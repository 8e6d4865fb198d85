import { audiencesAmong, clockAndKey, type MintingFacts } from './minting-facts.js';

/** Everything that a session's token says, as one statement saw it. */
export interface SessionFacts extends MintingFacts {
  /** Longest lifetime that events about sessions are kept for, seconds. */
  keepAccess: number;
  userId: string;
  username: string;
  clientId: string;
  /** When the session ends by itself, seconds since 1970. */
  sessionExpiresAt: number;
  /** The methods by which the session was begun (RFC 8176), and when they were asked for, seconds since 1970. */
  amr: string[];
  authTime: number;
  /** Whether the user has a factor beside the password. */
  enrolled: boolean;
  roles: string[];
  permissions: string[];
  /** Read only for audiences other than the issuer, which may have it told. */
  email?: string | null;
  displayName?: string | null;
  /** Whom the session's tokens are for, unless others are asked for; read together with those. */
  sessionAudience?: string[];
}

/** What holds for every statement that mints is written in `minting-facts.ts`. */
const sessionFacts = (audience: string): string => `
SELECT ${clockAndKey('$2')},
  (SELECT extract(epoch FROM keep_access) FROM validity_clock)::float8 AS "keepAccess",
  s.user_id AS "userId", u.username, s.client_id AS "clientId", ${audience},
  extract(epoch FROM s.expires_at)::float8 AS "sessionExpiresAt",
  s.amr, extract(epoch FROM coalesce(s.auth_time, s.created_at))::float8 AS "authTime",
  EXISTS (SELECT FROM totp_factors f WHERE f.user_id = s.user_id)
    OR EXISTS (SELECT FROM passkeys f WHERE f.user_id = s.user_id) AS enrolled,
  ARRAY(SELECT r.role_name FROM user_roles r WHERE r.user_id = s.user_id ORDER BY 1) AS roles,
  ARRAY(SELECT DISTINCT p.permission_name FROM user_roles r JOIN role_permissions p ON p.role_name = r.role_name
    WHERE r.user_id = s.user_id ORDER BY 1) AS permissions
FROM live_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = $1`;

/**
 * Reads the facts of session `$1`, where the issuer's key has the algorithm `$2`; no row when the session is not live. About audiences it reads
 * nothing: enough for a token that is for the issuer alone, as most are.
 */
export const SESSION_FACTS = sessionFacts('s.audience');

/** The same for the audience `$3`, or for the session's own where that is null, with what those audiences want. */
export const SESSION_FACTS_FOR = sessionFacts(`
  coalesce($3::text[], s.audience) AS audience, s.audience AS "sessionAudience", u.email, u.display_name AS "displayName",
  ${audiencesAmong('s.audience || $3::text[]')} AS audiences`);
