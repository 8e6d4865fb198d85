/** An audience as the statement that mints sees it. */
export interface AudienceFacts {
  identifier: string;
  /** An HMAC algorithm means a key of its own; any other is that of the key which all audiences share. */
  algorithm: string;
  /** Longest lifetime of tokens for it; null when it says nothing. */
  tokenTtlSeconds: number | null;
  /** Extra claims: the claim's name and the attribute that it shows. */
  claims: Record<string, unknown>;
  /** The key that signs for it; null when there is none. */
  kid: string | null;
}

/** What every statement that mints reads. */
export interface MintingFacts {
  /** The validity clock, seen by the statement that read all the rest: what the token is newer than. */
  asOf: number;
  /** Seconds since 1970 by the database's clock, with fractions. */
  now: number;
  /** The key that signs for the issuer itself; null when there is none, as after a revocation. */
  kid: string | null;
  /** Whom the token is for. */
  audience: string[];
  /** Those of them that are registered; absent or null where there is none. */
  audiences?: AudienceFacts[] | null;
}

/*
 * Each of the statements that mint is one statement, so one snapshot: an event that it does not see has a later `seq` than the `as_of` it
 * returns. Nothing in one may lock, be cached, or call a function that reads tables by itself: each of these would read at another moment.
 */

/** @param algorithm an SQL expression: that of the issuer's key */
export const clockAndKey = (algorithm: string): string => `
(SELECT seq FROM validity_clock)::float8 AS "asOf",
extract(epoch FROM clock_timestamp())::float8 AS now,
(SELECT kid FROM signing_keys WHERE state = 'active' AND algorithm = ${algorithm} AND audience IS NULL) AS kid`;

/** @param identifiers an SQL expression of type text[] */
export const audiencesAmong = (identifiers: string): string => `
(SELECT json_agg(json_build_object('identifier', a.identifier, 'algorithm', a.algorithm,
    'tokenTtlSeconds', a.token_ttl_seconds, 'claims', a.claims, 'kid', k.kid))
  FROM audiences a LEFT JOIN signing_keys k ON k.state = 'active' AND k.algorithm = a.algorithm
    AND coalesce(k.audience, '') = CASE WHEN a.algorithm LIKE 'HS%' THEN a.identifier ELSE '' END
  WHERE a.identifier = ANY (${identifiers}))`;
