import { audienceOf, type TokenClaims } from './claims.js';

/** Roles and permissions that the token names and that were taken away since it was minted. */
export interface Stripped {
  readonly roles: ReadonlySet<string>;
  readonly permissions: ReadonlySet<string>;
}

/** Who makes a request, as far as the token may still say so. Times are in seconds since 1970. */
export interface Principal {
  readonly subject: string;
  readonly clientId: string;
  readonly sessionId: string | null;
  readonly tokenId: string;
  readonly audience: readonly string[];
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
  /** Names of permissions separated by spaces. */
  readonly scope: string;
  readonly asOf: number;
  readonly issuedAt: number;
  /** When the user was last asked to prove who they are; null where no login stands behind the token. */
  readonly authTime: number | null;
  /** The methods by which they did (RFC 8176): `mfa` among them where there was a second factor. */
  readonly amr: readonly string[];
  readonly expiresAt: number;
  /** A request that needs one of these gets 401, not 403: its client refreshes and learns whether it still has it. */
  readonly stripped: Stripped;
  /** The claims as signed. Decide by `roles`, `permissions` and `scope` above instead: from those the stripped ones are gone. */
  readonly claims: TokenClaims;
}

const NOTHING: ReadonlySet<string> = new Set<string>();
const NOTHING_STRIPPED: Stripped = Object.freeze({ roles: NOTHING, permissions: NOTHING });

/** The principal of a token from which nothing is stripped. Made once for each token and shared by its requests. */
export function principalOf(claims: TokenClaims, asOf: number): Principal {
  return Object.freeze({
    subject: claims.sub,
    clientId: claims.client_id,
    sessionId: claims.sid ?? null,
    tokenId: claims.jti,
    audience: audienceOf(claims),
    roles: claims.roles ?? [],
    permissions: new Set(permissionNames(claims)),
    scope: claims.scope ?? '',
    asOf,
    issuedAt: claims.iat,
    authTime: claims.auth_time ?? null,
    amr: claims.amr ?? [],
    expiresAt: claims.exp,
    stripped: NOTHING_STRIPPED,
    claims,
  });
}

export function withoutStripped(principal: Principal, stripped: Stripped): Principal {
  const remains = (permission: string): boolean => !stripped.permissions.has(permission);
  return {
    ...principal,
    roles: principal.roles.filter((role) => !stripped.roles.has(role)),
    permissions: new Set([...principal.permissions].filter(remains)),
    scope: principal.scope.split(' ').filter(remains).join(' '),
    stripped,
  };
}

/** A broker's token permits subjects instead: it has no permissions in the sense of access control. */
function permissionNames({ permissions }: TokenClaims): readonly string[] {
  return isNames(permissions) ? permissions : [];
}

function isNames(permissions: TokenClaims['permissions']): permissions is readonly string[] {
  return Array.isArray(permissions);
}
