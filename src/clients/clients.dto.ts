import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsObject, Max, Min } from 'class-validator';
import { AsSent, Optional } from '../common/validation.js';
import { AudienceNames, ClientId, ClientName, PermissionNames, PublicKeys } from './client-fields.js';
import type { Client } from './client.entity.js';

const STATUSES: Client['status'][] = ['active', 'disabled'];

const JWKS = {
  type: 'object' as const,
  properties: { keys: { type: 'array' as const, items: { type: 'object' as const, additionalProperties: true } } },
  required: ['keys'],
};

/** Seconds. */
const LONGEST_OVERLAP = 31_622_400;

export class CreateClientDto {
  @ClientName()
  name: string;

  @ClientId()
  clientId?: string;

  @PermissionNames({ optional: true })
  permissions?: string[];

  @AudienceNames({ optional: true })
  audiences?: string[];

  @ApiPropertyOptional({
    ...JWKS,
    description:
      'Public keys by which it may prove itself (`private_key_jwt`), as for `PUT /v1/clients/{clientId}/jwks`',
  })
  @Optional()
  @IsObject()
  @AsSent()
  jwks?: Record<string, unknown>;

  @ApiPropertyOptional({
    example: true,
    description: 'Whether it gets a secret; left out: if it has no registered keys',
  })
  @Optional()
  @IsBoolean()
  withSecret?: boolean;
}

export class UpdateClientDto {
  @ClientName()
  name: string;
}

export class ClientPermissionsDto {
  @PermissionNames()
  permissions: string[];
}

export class ClientAudiencesDto {
  @AudienceNames()
  audiences: string[];
}

export class ClientJwksDto {
  @PublicKeys()
  keys: unknown[];
}

export class CreateClientSecretDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: LONGEST_OVERLAP,
    example: 86_400,
    description:
      'When the secrets that the client has now expire, unless they do so earlier; left out: as they did before',
  })
  @Optional()
  @IsInt()
  @Min(0)
  @Max(LONGEST_OVERLAP)
  expiresPreviousInSeconds?: number;
}

export class ClientDto {
  @ApiProperty({ example: 'billing' })
  clientId: string;

  @ApiProperty({ example: 'Billing' })
  name: string;

  @ApiProperty({ enum: STATUSES, example: 'active' })
  status: Client['status'];

  @ApiProperty({ type: [String], example: ['tokens:introspect'], description: 'In alphabetical order' })
  permissions: string[];

  @ApiProperty({ type: [String], example: [], description: 'In alphabetical order' })
  audiences: string[];

  @ApiProperty({ ...JWKS, nullable: true, description: 'The registered public keys' })
  jwks: Client['jwks'];

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  updatedAt: Date;
}

export class CreatedClientDto extends ClientDto {
  @ApiPropertyOptional({ format: 'uuid', description: 'Names the secret' })
  secretId?: string;

  @ApiPropertyOptional({ example: 'pcs_…', description: 'Shown this once' })
  clientSecret?: string;
}

export class ClientPageDto {
  @ApiProperty({ type: [ClientDto] })
  items: ClientDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}

export class ClientSecretDto {
  @ApiProperty({ format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  secretId: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  expiresAt: Date | null;
}

export class NewClientSecretDto extends ClientSecretDto {
  @ApiProperty({ example: 'pcs_…', description: 'Shown this once' })
  clientSecret: string;
}

export class ClientSecretsDto {
  @ApiProperty({ type: [ClientSecretDto], description: 'Those that are valid, at most two, the oldest first' })
  items: ClientSecretDto[];
}
