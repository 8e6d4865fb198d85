import { fetchJson, HttpError } from './http-json.js';

/** What the issuer says of itself (RFC 8414 section 2), as far as it matters here. */
export interface IssuerMetadata {
  readonly jwksUri: string;
  readonly tokenEndpoint: string | undefined;
  readonly introspectionEndpoint: string | undefined;
}

/** RFC 8414 section 3.1: the well-known part stands between host and path. */
export function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer);
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`;
}

/**
 * @param base where to ask: the issuer itself, or an instance of it by another address
 * @throws HttpError when there is no answer, or one of somebody else (RFC 8414 section 3.3)
 */
export async function discover(issuer: string, base = issuer, signal?: AbortSignal): Promise<IssuerMetadata> {
  const url = metadataUrl(base);
  const { body } = await fetchJson(url, { ...(signal && { signal }) });
  const metadata = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  if (metadata['issuer'] !== issuer) throw new HttpError(`${url} answers for another issuer`);
  const jwksUri = addressIn(metadata['jwks_uri'], issuer, base);
  if (jwksUri === undefined) throw new HttpError(`${url} names no jwks_uri`);
  return {
    jwksUri,
    tokenEndpoint: addressIn(metadata['token_endpoint'], issuer, base),
    introspectionEndpoint: addressIn(metadata['introspection_endpoint'], issuer, base),
  };
}

/** An endpoint of the issuer as it is reached by way of `base`; nothing that lies elsewhere is asked. */
function addressIn(endpoint: unknown, issuer: string, base: string): string | undefined {
  if (typeof endpoint !== 'string') return undefined;
  if (endpoint !== issuer && !endpoint.startsWith(`${issuer}/`)) return undefined;
  return base + endpoint.slice(issuer.length);
}
