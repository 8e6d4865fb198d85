/**
 * What decides something, here or in whatever reads the token: the registered claims (RFC 7519 section 4.1), those of access tokens (RFC 9068)
 * and of Portcullis, those by which other specifications bind, delegate or grade a token, those that say that something was checked, and
 * names that mean something to JavaScript.
 */
const REGISTERED = [
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'],
  ...['client_id', 'sid', 'roles', 'permissions', 'scope', 'as_of', 'preferred_username'],
  ...['scp', 'groups', 'entitlements', 'authorities', 'authorization_details'],
  ...['auth_time', 'acr', 'amr', 'azp', 'nonce', 'at_hash', 'c_hash', 's_hash'],
  ...['typ', 'alg', 'kid', 'cty', 'crit', 'jwk', 'jwks', 'jku', 'cnf', 'act', 'may_act', 'sub_jwk', 'sub_id'],
  ...['events', 'txn', 'toe', 'token_introspection', 'active', 'token_type'],
  ...['email_verified', 'phone_number_verified', 'verified_claims'],
  ...['constructor', 'prototype', 'tostring', 'valueof', 'tojson', 'hasownproperty', 'then'],
];

/** By which frameworks and other identity providers' clients grant something, though no specification names them. */
const AUTHORITY = [
  ...[
    'role',
    'permission',
    'group',
    'scopes',
    'authority',
    'entitlement',
    'privilege',
    'privileges',
    'rights',
    'grants',
    'capabilities',
  ],
  ...[
    'policy',
    'policies',
    'acl',
    'access',
    'is_admin',
    'admin',
    'administrator',
    'superuser',
    'is_superuser',
    'is_staff',
    'root',
  ],
  // Keycloak; Microsoft Entra; Auth0; Clerk; Supabase; Cognito; Google.
  ...['realm_access', 'resource_access', 'allowed-origins', 'wids', 'xms_cc', 'gty', 'org_role', 'org_permissions'],
  ...['app_metadata', 'aal', 'token_use', 'hd'],
];

/** The same, as beginnings of names: ASP.NET, Hasura, Cognito, AWS, Zitadel, Kubernetes. */
const AUTHORITY_PREFIXES = [
  ...['http://schemas.microsoft.com/', 'http://schemas.xmlsoap.org/', 'https://hasura.io/', 'x-hasura-', 'cognito:'],
  ...['https://aws.amazon.com/', 'urn:zitadel:', 'kubernetes.io'],
];

/** Who somebody is. Programs greet people by these, and some know them again by nothing else. */
const IDENTITY = [
  ...[
    'name',
    'given_name',
    'family_name',
    'middle_name',
    'nickname',
    'display_name',
    'email',
    'mail',
    'phone_number',
    'phone',
  ],
  ...['username', 'user_name', 'user', 'user_id', 'uid', 'login', 'login_name', 'principal', 'account', 'account_id'],
  ...[
    'upn',
    'unique_name',
    'nameid',
    'oid',
    'tid',
    'appid',
    'app_id',
    'idp',
    'identities',
    'service_account',
    'user_metadata',
  ],
];

/** Nobody reads case, underscores and hyphens as a difference: `isAdmin` is `is_admin`. */
const plain = (name: string): string => name.toLowerCase().replace(/[_-]/g, '');

const RESERVED = new Set([...REGISTERED, ...AUTHORITY].map(plain));
const RESERVED_PREFIXES = AUTHORITY_PREFIXES.map(plain);
const IDENTIFYING = new Set(IDENTITY.map(plain));

/** Whether a claim may not be made up, neither by an audience nor for one token. */
export function isReservedClaim(name: string): boolean {
  const bare = plain(name);
  return RESERVED.has(bare) || RESERVED_PREFIXES.some((prefix) => bare.startsWith(prefix));
}

/**
 * Whether a claim says who somebody is. An audience may have it told, since that comes from the user's record; whoever generates a token may not
 * write into it what they like.
 */
export function isIdentityClaim(name: string): boolean {
  return IDENTIFYING.has(plain(name));
}
