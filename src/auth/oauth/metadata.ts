import type { Algorithm } from '@portcullis/verifier';
import { SIGNING_ALGORITHMS } from '../../../config/env.js';

/** What a client may sign its assertions with: what its registered key is for. */
const ASSERTION_ALGORITHMS = [
  ...SIGNING_ALGORITHMS,
  // RFC 9864: EdDSA by its new name.
  'Ed25519',
] as const satisfies readonly (Algorithm | 'Ed25519')[];

const CLIENT_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

/** RFC 8414 section 2. Nothing is promised that is not kept; what is left out does not exist. */
export interface Metadata {
  issuer: string;
  token_endpoint: string;
  introspection_endpoint: string;
  revocation_endpoint: string;
  jwks_uri: string;
  response_types_supported: readonly string[];
  grant_types_supported: readonly string[];
  token_endpoint_auth_methods_supported: readonly string[];
  token_endpoint_auth_signing_alg_values_supported: readonly string[];
  introspection_endpoint_auth_methods_supported: readonly string[];
  introspection_endpoint_auth_signing_alg_values_supported: readonly string[];
  revocation_endpoint_auth_methods_supported: readonly string[];
  revocation_endpoint_auth_signing_alg_values_supported: readonly string[];
  service_documentation: string;
}

export function metadataOf(issuer: string): Metadata {
  return {
    issuer,
    token_endpoint: tokenEndpointOf(issuer),
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    // REQUIRED, and there is no authorization endpoint that could answer with any.
    response_types_supported: [],
    grant_types_supported: ['client_credentials', 'refresh_token'],
    // Sessions of people belong to a public client, which refreshes and revokes by what it holds alone.
    token_endpoint_auth_methods_supported: [...CLIENT_METHODS, 'none'],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    // Section 2 lets types of access tokens stand beside the methods here.
    introspection_endpoint_auth_methods_supported: [...CLIENT_METHODS, 'Bearer'],
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: [...CLIENT_METHODS, 'none'],
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    service_documentation: `${issuer}/docs`,
  };
}

export function tokenEndpointOf(issuer: string): string {
  return `${issuer}/oauth/token`;
}

/** What follows the well-known part in the address of the metadata of an issuer that has a path (RFC 8414 section 3.1), without slash. */
export function issuerPath(issuer: string): string {
  return new URL(issuer).pathname.slice(1);
}
