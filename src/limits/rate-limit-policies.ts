/**
 * How many requests of a kind are answered in `seconds`, and of whom: `address` is the network that asks, `caller` the user or client of an accepted
 * token, `user` the user of one, with whichever client they came; requests without a token do not count then. Counted together by all instances (`shared`), by all of them where there is Redis (`with redis`), or by each for itself.
 */
export interface RateLimitPolicy {
  readonly quota: number;
  readonly seconds: number;
  readonly per: 'address' | 'caller' | 'client' | 'user';
  readonly counted: 'shared' | 'with redis' | 'by each';
  /** How many times the quota all IPv6 networks of one site (`siteOf`) have together: several customers may share one. */
  readonly siteFactor?: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The groups of routes, by name. The names are part of the interface: `RateLimit-Policy` tells them. */
export const RATE_LIMIT_POLICIES = {
  /** What proves a password, a factor or a mailed token. Generous, since many people may share an address; guessing at one account is stopped by the lockout. */
  attempts: { quota: 60, seconds: MINUTE, per: 'address', counted: 'shared', siteFactor: 20 },
  /** Refresh tokens cannot be guessed; what costs is looking for those that are sent. */
  refresh: { quota: 600, seconds: MINUTE, per: 'address', counted: 'with redis' },
  /** Tokens of one client. One that asks for a token for each of its calls is to hear of it. */
  grants: { quota: 1_200, seconds: MINUTE, per: 'client', counted: 'with redis' },
  /** Everything that needs a token. A count in Postgres would cost more than most of these requests do. */
  api: { quota: 6_000, seconds: MINUTE, per: 'caller', counted: 'by each' },
  /**
   * Changes of passwords and second factors in a session. Each is told by mail: whoever is in somebody's account must not bury the one that matters. A reset
   * by mail is not counted, so that it stays a way out for the owner.
   */
  credentials: { quota: 20, seconds: HOUR, per: 'user', counted: 'shared' },
} as const satisfies Record<string, RateLimitPolicy>;

export type RateLimitName = keyof typeof RATE_LIMIT_POLICIES;
