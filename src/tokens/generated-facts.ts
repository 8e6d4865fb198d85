import { audiencesAmong, clockAndKey, type MintingFacts } from './minting-facts.js';

/** Everything that a generated token says, as one statement saw it after the token was recorded. */
export interface GeneratedFacts extends MintingFacts {
  /** Longest lifetime that events are kept for, seconds. */
  keep: number;
  /** The active user that the token is about, if it is about one. */
  user: { id: string; username: string; email: string | null; displayName: string | null } | null;
  /** The active client that it is about, if it is about one. */
  client: { id: string; name: string } | null;
  /** Those of its roles that there still are, and what they hold. */
  roles: string[];
  rolePermissions: string[];
  /** Those of its permissions that there still are. */
  permissions: string[];
}

/**
 * Reads the facts of the recorded token `$1`; `$2` is the algorithm of the issuer's key, `$3` the permissions that it is to carry. No row when
 * it has been revoked, as it is together with the user or client that generates it, or when the right by which it is generated has ended: by
 * an event later than `$4` whose kind and key stand in `$5` and `$6`, or by which one of the roles `$7` lost one of the permissions `$8`. What
 * holds for every such statement is written in `minting-facts.ts`.
 */
export const GENERATED_FACTS = `
SELECT ${clockAndKey('$2')},
  (SELECT extract(epoch FROM keep) FROM validity_clock)::float8 AS keep,
  ARRAY[g.audience] AS audience, ${audiencesAmong('ARRAY[g.audience]')} AS audiences,
  (SELECT json_build_object('id', u.id, 'username', u.username, 'email', u.email, 'displayName', u.display_name)
    FROM users u WHERE u.status = 'active'
      AND u.id = CASE WHEN g.subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN g.subject::uuid END) AS "user",
  (SELECT json_build_object('id', c.client_id, 'name', c.name)
    FROM clients c WHERE c.client_id = g.subject AND c.status = 'active') AS client,
  ARRAY(SELECT r.name FROM roles r WHERE r.name = ANY (g.roles) ORDER BY 1) AS roles,
  ARRAY(SELECT DISTINCT p.permission_name FROM role_permissions p WHERE p.role_name = ANY (g.roles)) AS "rolePermissions",
  ARRAY(SELECT p.name FROM permissions p WHERE p.name = ANY ($3::text[])) AS permissions
FROM generated_tokens g
WHERE g.jti = $1 AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
  AND NOT EXISTS (
    SELECT FROM validity_events e WHERE e.seq > $4::bigint AND (
      (e.kind, e.key) IN (SELECT kind, key FROM unnest($5::text[], $6::text[]) AS ending (kind, key))
      OR e.kind = 'role_permission' AND split_part(e.key, ' ', 1) = ANY ($7::text[])
        AND split_part(e.key, ' ', 2) = ANY ($8::text[])))`;
