import { basicOf, type ClientCredentials } from './client-token.js';
import { fetchJson, HttpError } from './http-json.js';
import type { IssuerMetadata } from './issuer-metadata.js';

/** What the issuer says of a token now. */
export interface Introspection {
  readonly active: boolean;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/**
 * Asks the issuer about a token (RFC 7662).
 *
 * @throws HttpError when it does not say
 */
export async function introspect(
  { introspectionEndpoint: endpoint }: IssuerMetadata,
  token: string,
  credentials: ClientCredentials,
  signal: AbortSignal,
): Promise<Introspection> {
  if (endpoint === undefined) throw new HttpError('the issuer names no introspection endpoint');
  const { body } = await fetchJson(endpoint, {
    method: 'POST',
    headers: { authorization: basicOf(credentials), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
    signal,
  });
  const { active, roles, permissions } = (body ?? {}) as Record<string, unknown>;
  // RFC 7662 section 2.2 requires it: what says neither is not the issuer's word.
  if (typeof active !== 'boolean') throw new HttpError(`${endpoint} does not say whether the token is active`);
  return { active, roles: namesIn(roles), permissions: namesIn(permissions) };
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}
