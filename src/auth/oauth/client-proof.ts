import { formDecoded } from '../../common/form.js';
import { OAuthError } from '../../common/oauth-error.js';
import type { Parameters } from './parameters.js';

/** By what a client says that it is this client (RFC 6749 section 2.3, RFC 7523 section 2.2). `none`: by nothing, as public clients do. */
export type ClientProof =
  | { method: 'client_secret_basic' | 'client_secret_post'; clientId: string; secret: string }
  | { method: 'private_key_jwt'; clientId: string | undefined; assertion: string }
  | { method: 'none'; clientId: string | undefined };

export type ClientAuthenticationMethod = Exclude<ClientProof['method'], 'none'>;

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * @param authorization the header, where there is one
 * @throws OAuthError `invalid_request` for more than one method at once, `invalid_client` for a header that is no proof of a client's
 */
export function clientProofOf(authorization: string | undefined, parameters: Parameters): ClientProof {
  const clientId = parameters.get('client_id');
  const proofs = [
    ...(authorization === undefined ? [] : [basicProof(authorization)]),
    ...secretProof(clientId, parameters),
    ...assertionProof(clientId, parameters),
  ];
  // RFC 6749 section 2.3: the client MUST NOT use more than one authentication method in each request.
  if (proofs.length > 1) throw new OAuthError('invalid_request', 'The client authenticates in more than one way.');
  const [proof = { method: 'none' as const, clientId }] = proofs;
  if (clientId !== undefined && proof.clientId !== undefined && proof.clientId !== clientId)
    throw new OAuthError('invalid_request', 'The parameter client_id names another client.');
  return proof;
}

/** RFC 6749 section 2.3.1: id and secret are encoded as in a form, then joined and encoded as RFC 7617 says. */
function basicProof(authorization: string): ClientProof {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization) ?? [];
  const pair = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const clientId = formDecoded(pair.slice(0, Math.max(colon, 0)));
  const secret = formDecoded(pair.slice(colon + 1));
  if (colon < 0 || clientId === undefined || secret === undefined) throw clientRefused({ byHeader: true });
  return { method: 'client_secret_basic', clientId, secret };
}

function secretProof(clientId: string | undefined, parameters: Parameters): ClientProof[] {
  const secret = parameters.get('client_secret');
  if (secret === undefined) return [];
  if (clientId === undefined) throw new OAuthError('invalid_request', 'The parameter client_id is missing.');
  return [{ method: 'client_secret_post', clientId, secret }];
}

function assertionProof(clientId: string | undefined, parameters: Parameters): ClientProof[] {
  const [type, assertion] = [parameters.get('client_assertion_type'), parameters.get('client_assertion')];
  if (type === undefined && assertion === undefined) return [];
  if (type !== ASSERTION_TYPE || assertion === undefined)
    throw new OAuthError('invalid_request', `A client_assertion is of the client_assertion_type ${ASSERTION_TYPE}.`);
  return [{ method: 'private_key_jwt', clientId, assertion }];
}

/** One answer, whether the client is unknown, disabled or has proven nothing (RFC 6749 section 5.2). */
export function clientRefused({ byHeader }: { byHeader: boolean }): OAuthError {
  return new OAuthError(
    'invalid_client',
    'The client is not known here, or did not prove that it is this client.',
    byHeader ? { headers: { 'www-authenticate': 'Basic realm="portcullis", charset="UTF-8"' } } : {},
  );
}
