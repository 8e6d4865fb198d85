/**
 * Which permission each route takes, written down once more and by hand: the document of the API and the guard both read the decorators, and so would agree
 * about a wrong one. `token` takes any accepted token; `none` takes none, or decides by itself who may.
 */
export const ROUTE_PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  none: [
    ...['GET /', 'GET /health/live', 'GET /health/ready', 'GET /metrics'],
    ...['GET /.well-known/jwks.json', 'GET /jwks.json', 'GET /keys', 'GET /.well-known/oauth-authorization-server'],
    ...['POST /oauth/token', 'POST /oauth/introspect', 'POST /oauth/revoke', 'POST /token/generate'],
    ...['POST /v1/auth/login', 'POST /v1/auth/refresh', 'POST /v1/auth/logout', 'POST /v1/auth/password/change'],
    ...['POST /v1/auth/password/forgot', 'POST /v1/auth/password/reset', 'POST /v1/auth/invitation/accept'],
    ...['POST /v1/auth/mfa/totp', 'POST /v1/auth/mfa/recovery'],
    ...['POST /v1/auth/mfa/totp/start', 'POST /v1/auth/mfa/totp/confirm'],
    ...['POST /v1/auth/mfa/passkey/start', 'POST /v1/auth/mfa/passkey/confirm'],
    ...['POST /v1/auth/mfa/passkey/options', 'POST /v1/auth/mfa/passkey'],
    ...['POST /v1/auth/passkey/options', 'POST /v1/auth/passkey/login'],
    ...['POST /v1/auth/email/verify', 'POST /v1/auth/email/resend'],
    ...['POST /v1/auth/register', 'POST /v1/auth/register/complete'],
    'GET /v1/auth/check',
  ],
  token: [
    'POST /v1/auth/email/change',
    ...['GET /v1/auth/me', 'POST /v1/auth/logout-all', 'GET /v1/auth/sessions', 'DELETE /v1/auth/sessions/{id}'],
    ...['GET /v1/auth/mfa/factors', 'DELETE /v1/auth/mfa/factors/{id}', 'POST /v1/auth/mfa/recovery-codes'],
  ],
  'sessions:read': ['GET /v1/users/{id}/sessions'],
  'sessions:write': ['DELETE /v1/users/{id}/sessions', 'DELETE /v1/users/{id}/sessions/{sessionId}'],
  'users:read': ['GET /v1/users', 'GET /v1/users/{id}'],
  'users:write': [
    ...['POST /v1/users', 'PATCH /v1/users/{id}', 'DELETE /v1/users/{id}', 'PUT /v1/users/{id}/roles'],
    ...['POST /v1/users/{id}/disable', 'POST /v1/users/{id}/enable'],
    ...['GET /v1/users/{id}/factors', 'DELETE /v1/users/{id}/factors'],
    ...['POST /v1/users/{id}/invite', 'POST /v1/users/{id}/reset-password'],
  ],
  'roles:read': ['GET /v1/roles', 'GET /v1/roles/{name}', 'GET /v1/permissions'],
  'roles:write': [
    ...['POST /v1/roles', 'PATCH /v1/roles/{name}', 'DELETE /v1/roles/{name}', 'PUT /v1/roles/{name}/permissions'],
    ...['POST /v1/permissions', 'DELETE /v1/permissions/{name}'],
  ],
  'keys:read': ['GET /v1/keys', 'GET /v1/keys/{kid}'],
  'keys:write': ['POST /v1/keys/rotate', 'POST /v1/keys/{kid}/revoke'],
  'clients:read': [
    ...['GET /v1/clients', 'GET /v1/clients/{clientId}', 'GET /v1/clients/{clientId}/secrets'],
    ...['GET /v1/audiences', 'GET /v1/audiences/{identifier}'],
  ],
  'clients:write': [
    ...['POST /v1/clients', 'PATCH /v1/clients/{clientId}', 'DELETE /v1/clients/{clientId}'],
    ...['POST /v1/clients/{clientId}/disable', 'POST /v1/clients/{clientId}/enable'],
    ...['PUT /v1/clients/{clientId}/permissions', 'PUT /v1/clients/{clientId}/audiences'],
    ...['PUT /v1/clients/{clientId}/jwks', 'POST /v1/clients/{clientId}/secrets'],
    'DELETE /v1/clients/{clientId}/secrets/{secretId}',
    ...['POST /v1/audiences', 'PATCH /v1/audiences/{identifier}', 'DELETE /v1/audiences/{identifier}'],
    'POST /v1/audiences/{identifier}/secret',
  ],
  'tokens:generate': ['POST /v1/tokens', 'GET /v1/tokens'],
  'tokens:introspect': ['POST /v1/tokens/check'],
  'tokens:revoke': ['DELETE /v1/tokens/{jti}'],
  'tokens:explain': ['POST /v1/tokens/explain'],
  'validity:read': ['GET /v1/validity/events', 'GET /v1/validity/subscribers'],
  'validity:write': ['POST /v1/forced-expirations'],
  'audit:read': ['GET /v1/audit-events'],
};
