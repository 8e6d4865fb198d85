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

const clientFacts = (audience: string, condition: string): string => `
SELECT ${clockAndKey('$2')},
  (SELECT extract(epoch FROM keep) FROM validity_clock)::float8 AS keep,
  c.client_id AS "clientId", c.name, ${audience},
  ARRAY(SELECT p.permission_name FROM client_permissions p WHERE p.client_id = c.client_id ORDER BY 1) AS permissions
FROM clients c
WHERE c.client_id = $1 AND c.epoch = $4 AND c.status = 'active' ${condition}`;

/**
 * Reads the facts of client `$1`, whose epoch was `$4` when it proved who it is, for the issuer `$3` alone, for whom it always may have a token;
 * `$2` is the algorithm of the issuer's key. No row when the client is disabled, or proves itself by something else now. What holds for every
 * such statement is written in `minting-facts.ts`.
 */
export const CLIENT_FACTS = clientFacts('ARRAY[$3::text] AS audience', '');

/**
 * The same for the audience `$5`; no row either when the client may not have a token for one of them. Postgres plans both statements once per
 * connection only because they cost the same whatever is asked for: with a `CASE` that tells the issuer from others, or an `unnest`, it planned
 * each time, which took three times as long as to run it.
 */
export const CLIENT_FACTS_FOR = clientFacts(
  `$5::text[] AS audience, ${audiencesAmong('$5::text[]')} AS audiences`,
  `AND $5::text[] <@ ($3::text || ARRAY(SELECT a.audience FROM client_audiences a WHERE a.client_id = c.client_id))`,
);
