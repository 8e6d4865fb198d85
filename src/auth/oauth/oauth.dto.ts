import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Metadata } from './metadata.js';
import type { TokenAnswer } from './token-endpoint.service.js';

const TOKEN =
  'eyJhbGciOiJSUzI1NiIsImtpZCI6IjIwMTEtMDQtMjkiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSJ9.c2lnbmF0dXJl';
const CLIENT_ID = 'order-service';

/** What a client proves itself by in the body, where it does not do so in the header. */
class ClientProofDto {
  @ApiPropertyOptional({ example: CLIENT_ID, maxLength: 128, description: '`portcullis` for the sessions of people' })
  client_id?: string;

  @ApiPropertyOptional({ example: 'kq3yJ6b1VvO3q1c0mX9tZ7sK2nD8wR4uF5hG6jL1aQE' })
  client_secret?: string;

  @ApiPropertyOptional({ enum: ['urn:ietf:params:oauth:client-assertion-type:jwt-bearer'] })
  client_assertion_type?: string;

  @ApiPropertyOptional({
    description:
      'RFC 7523: `iss` and `sub` are the client, `aud` is the issuer or the token endpoint; `exp` at most ten minutes ahead; each `jti` is good once',
    example: 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJvcmRlci1zZXJ2aWNlIn0.c2lnbmF0dXJl',
  })
  client_assertion?: string;
}

/** Forms are read by `Parameters`; these classes describe them to people and programs. */
export class TokenRequestDto extends ClientProofDto {
  @ApiProperty({ enum: ['client_credentials', 'refresh_token'] })
  grant_type: string;

  @ApiPropertyOptional({
    example: 'users:read roles:read',
    description: 'Permissions, separated by spaces. Granted is what of them is held; without it, all that is held',
  })
  scope?: string;

  @ApiPropertyOptional({
    type: [String],
    example: ['https://orders.example.org'],
    description:
      'RFC 8707: whom the token is for; may be repeated. The issuer or an audience of the client; without it, the issuer',
  })
  resource?: string[];

  @ApiPropertyOptional({ example: 'prt_AZjFoGpUfMCwpE8_TxyKEQAAAAB2…', description: 'With `refresh_token`' })
  refresh_token?: string;
}

export class TokenAnswerDto implements TokenAnswer {
  @ApiProperty({ example: TOKEN })
  access_token: string;

  @ApiProperty({ enum: ['Bearer'] })
  token_type: 'Bearer';

  @ApiProperty({ example: 300, description: 'Seconds' })
  expires_in: number;

  @ApiPropertyOptional({ example: 'prt_AZjFoGpUfMCwpE8_TxyKEQAAAAB2…', description: 'With the grant `refresh_token`' })
  refresh_token?: string;

  @ApiPropertyOptional({
    example: 'users:read roles:read',
    description: 'What was granted; absent when that is nothing',
  })
  scope?: string;

  @ApiPropertyOptional({ type: [String], description: 'What may come in the way of using the token' })
  warnings?: string[];
}

export class TokenQuestionDto extends ClientProofDto {
  @ApiProperty({ example: TOKEN })
  token: string;

  @ApiPropertyOptional({ example: 'access_token', description: 'Not needed: the kinds of tokens are told apart' })
  token_type_hint?: string;
}

export class IntrospectionDto {
  @ApiProperty({ example: true, description: 'Where it is false, nothing else is said' })
  active: boolean;

  @ApiPropertyOptional({ example: 'users:read' })
  scope?: string;

  @ApiPropertyOptional({ example: 'portcullis' })
  client_id?: string;

  @ApiPropertyOptional({ example: 'alice', description: 'Where tokens are configured to name their user' })
  username?: string;

  @ApiPropertyOptional({ enum: ['Bearer'], description: 'Of access tokens' })
  token_type?: 'Bearer';

  @ApiPropertyOptional({ example: 1_795_000_300 })
  exp?: number;

  @ApiPropertyOptional({ example: 1_795_000_000 })
  iat?: number;

  @ApiPropertyOptional({ example: 1_795_000_000 })
  nbf?: number;

  @ApiPropertyOptional({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  sub?: string;

  @ApiPropertyOptional({
    oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
    example: 'https://auth.example.org',
  })
  aud?: string | readonly string[];

  @ApiPropertyOptional({ example: 'https://auth.example.org' })
  iss?: string;

  @ApiPropertyOptional({ example: 'dBjftJeZ4CVPmB92K27uhb' })
  jti?: string;

  @ApiPropertyOptional({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a12', description: 'The session' })
  sid?: string;

  @ApiPropertyOptional({ type: [String], example: ['support'] })
  roles?: readonly string[];

  @ApiPropertyOptional({
    oneOf: [
      { type: 'array', items: { type: 'string' } },
      { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
    ],
    example: ['users:read'],
    description: 'Names of permissions; in a token for a message broker, subjects under `sub`, `pub` and `all`',
  })
  permissions?: readonly string[] | object;
}

/** RFC 8414 section 2. */
export class MetadataDto implements Metadata {
  @ApiProperty({ example: 'https://auth.example.org' })
  issuer: string;

  @ApiProperty({ example: 'https://auth.example.org/oauth/token' })
  token_endpoint: string;

  @ApiProperty({ example: 'https://auth.example.org/oauth/introspect' })
  introspection_endpoint: string;

  @ApiProperty({ example: 'https://auth.example.org/oauth/revoke' })
  revocation_endpoint: string;

  @ApiProperty({ example: 'https://auth.example.org/.well-known/jwks.json' })
  jwks_uri: string;

  @ApiProperty({ type: [String], example: [], description: 'None: there is no authorization endpoint' })
  response_types_supported: string[];

  @ApiProperty({ type: [String], example: ['client_credentials', 'refresh_token'] })
  grant_types_supported: string[];

  @ApiProperty({ type: [String], example: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] })
  token_endpoint_auth_methods_supported: string[];

  @ApiProperty({ type: [String], example: ['RS256', 'ES256', 'EdDSA'] })
  token_endpoint_auth_signing_alg_values_supported: string[];

  @ApiProperty({ type: [String], example: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'Bearer'] })
  introspection_endpoint_auth_methods_supported: string[];

  @ApiProperty({ type: [String], example: ['RS256', 'ES256', 'EdDSA'] })
  introspection_endpoint_auth_signing_alg_values_supported: string[];

  @ApiProperty({ type: [String], example: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] })
  revocation_endpoint_auth_methods_supported: string[];

  @ApiProperty({ type: [String], example: ['RS256', 'ES256', 'EdDSA'] })
  revocation_endpoint_auth_signing_alg_values_supported: string[];

  @ApiProperty({ example: 'https://auth.example.org/docs' })
  service_documentation: string;
}
