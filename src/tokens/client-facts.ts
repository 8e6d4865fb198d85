import { audiencesAmong, clockAndKey, type MintingFacts } from './minting-facts.js';

/** Everything that a client's token says, as one statement saw it. */
export interface ClientFacts extends MintingFacts {
  /** Longest lifetime that events are kept for, seconds. */
  keep: number;
  clientId: string;
  name: string;
  /** All that the client holds. */
  permissions: string[];
}

/**
 * Reads the facts of client `$1`, whose epoch was `$5` when it proved who it is, for the audience `$4`; `$2` is the algorithm of the issuer's
 * key, `$3` the issuer. No row when the client is disabled, proves itself by something else now, or may not have a token for one of them;
 * for the issuer it always may. What holds for every such statement is written in `minting-facts.ts`.
 */
export const CLIENT_FACTS = `
SELECT ${clockAndKey('$2')},
  (SELECT extract(epoch FROM keep) FROM validity_clock)::float8 AS keep,
  c.client_id AS "clientId", c.name, $4::text[] AS audience,
  CASE WHEN $4::text[] <> ARRAY[$3::text] THEN ${audiencesAmong('$4::text[]')} END AS audiences,
  ARRAY(SELECT p.permission_name FROM client_permissions p WHERE p.client_id = c.client_id ORDER BY 1) AS permissions
FROM clients c
WHERE c.client_id = $1 AND c.epoch = $5 AND c.status = 'active'
  AND NOT EXISTS (
    SELECT FROM unnest($4::text[]) AS wanted (audience)
    WHERE audience <> $3 AND audience NOT IN (SELECT a.audience FROM client_audiences a WHERE a.client_id = c.client_id))`;
