import { MAX_REMEMBERED_USES } from './refresh-rotation.js';

/**
 * Whether session `s` was begun by all that its user has or must have; `roles` is the parameter with the roles that need a second factor. The same as
 * `lacksSecondFactor`, by which tokens are minted; asked before a refresh token is used up, so that a client which is refused still has it. Tried again
 * later, one that was used up would look stolen.
 */
const isWholeLogin = (roles: string): string => `
  ('mfa' = ANY (s.amr) OR NOT EXISTS (SELECT FROM totp_factors f WHERE f.user_id = s.user_id)
    AND NOT EXISTS (SELECT FROM passkeys f WHERE f.user_id = s.user_id)
    AND NOT EXISTS (SELECT FROM user_roles r WHERE r.user_id = s.user_id AND r.role_name = ANY (${roles}::text[])))`;

/**
 * Uses refresh token `$3` of session `$1` and generation `$2` up for its successor `$4`. `expires_at` never goes down here: a
 * configuration with a shorter lifetime must not look like an ending to the validity window.
 */
export const ROTATE = `
UPDATE sessions SET
  refresh_generation = refresh_generation + 1,
  refresh_hash = $4,
  refresh_uses = ARRAY(
    SELECT use FROM (
      SELECT use, n FROM unnest(refresh_uses) WITH ORDINALITY AS u(use, n)
      WHERE use >= clock_timestamp() - make_interval(secs => $6::integer + 1) ORDER BY n DESC LIMIT ${MAX_REMEMBERED_USES - 1}
    ) kept ORDER BY n
  ) || clock_timestamp(),
  last_used_at = clock_timestamp(),
  ends_at = coalesce(ends_at, created_at + make_interval(secs => $7::float8)),
  expires_at = greatest(expires_at, least(clock_timestamp() + make_interval(secs => $5::integer),
    coalesce(ends_at, created_at + make_interval(secs => $7::float8))))
WHERE id = $1 AND refresh_generation = $2 AND refresh_hash = $3
  AND id IN (SELECT id FROM live_sessions s WHERE id = $1 AND ${isWholeLogin('$8')})
RETURNING id`;

export const STATE = `
SELECT user_id AS "userId", refresh_generation AS generation, refresh_uses AS uses, clock_timestamp() AS now
FROM live_sessions WHERE id = $1`;

export const INSPECT = `
SELECT id AS "sessionId", user_id AS "userId", client_id AS "clientId", audience, created_at AS "createdAt", expires_at AS "expiresAt",
  refresh_generation AS generation, refresh_hash AS hash, refresh_uses AS uses, clock_timestamp() AS now
FROM live_sessions s WHERE id = $1 AND ${isWholeLogin('$2')}`;
