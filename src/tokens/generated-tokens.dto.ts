import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { SubjectPermissions } from '@portcullis/verifier';
import {
  Allow,
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsString,
  Matches,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import { PageQuery } from '../common/pagination.js';
import { AsSent, NoControlCharacters, Optional } from '../common/validation.js';
import { LONGEST_PERMISSION, LONGEST_SUBJECT, MOST_PERMISSIONS, MOST_SUBJECTS } from './token-permissions.js';
import { Warnings } from './tokens.dto.js';

const JTI = 'kq1vZ3a2XxQd0m5nWc8b7A';
const SUBJECTS = {
  type: 'array' as const,
  maxItems: MOST_SUBJECTS,
  items: { type: 'string' as const, maxLength: LONGEST_SUBJECT },
};
const SUBJECT_PERMISSIONS = {
  type: 'object' as const,
  additionalProperties: false,
  properties: { sub: SUBJECTS, pub: SUBJECTS, all: SUBJECTS },
};
const NAMES = {
  type: 'array' as const,
  maxItems: MOST_PERMISSIONS,
  items: { type: 'string' as const, maxLength: LONGEST_PERMISSION },
};

/** No spaces, no control characters, nothing that has no meaning in text. */
const FREE_SUBJECT = /^[^\p{C}\p{Z}]+$/u;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

export class GenerateTokenDto {
  @ApiProperty({ example: 'http://localhost:3000', description: 'Whom the token is for', maxLength: 256 })
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  @NoControlCharacters()
  audience: string;

  @ApiPropertyOptional({
    example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11',
    description:
      'Whom the token is about: a user (by id) or a client that is active and holds no more than you; for other audiences than the issuer also anybody else. You, when absent.',
    maxLength: 200,
  })
  @Optional()
  @IsString()
  @MaxLength(200)
  @Matches(FREE_SUBJECT, { message: 'must be text without spaces and control characters' })
  subject?: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    example: 600,
    description: 'At most PORTCULLIS_MAX_TOKEN_TTL, and what the audience allows',
  })
  @IsInt()
  @Min(1)
  ttlSeconds: number;

  @ApiPropertyOptional({
    type: [String],
    example: ['auditor'],
    maxItems: 100,
    description: 'Its permissions come with a role; you must hold them',
  })
  @Optional()
  @IsArray()
  @ArrayMaxSize(100)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  @NoControlCharacters({ each: true })
  roles?: string[];

  @ApiPropertyOptional({
    oneOf: [NAMES, SUBJECT_PERMISSIONS],
    example: ['users:read'],
    description:
      'Names of permissions, which you must hold; or the subjects of a message broker: what may be subscribed to (`sub`), published to (`pub`), or both (`all`). A token with subjects is no access token: its `typ` is `broker+jwt`.',
  })
  @Allow()
  permissions?: unknown;

  @ApiPropertyOptional({
    format: 'date-time',
    example: '2026-01-31T12:00:00Z',
    description: 'Not to be accepted earlier; within its lifetime',
    maxLength: 40,
  })
  @Optional()
  @IsString()
  @MaxLength(40)
  @Matches(DATE_TIME, { message: 'must be a date and time with seconds and time zone (RFC 3339)' })
  @IsISO8601({ strict: true })
  notBefore?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    example: { tenant: 'acme' },
    description: 'Claims of your own; none that decides something, nor one that the audience declares',
  })
  @Optional()
  @AsSent()
  @IsObject()
  claims?: Record<string, unknown>;
}

export class GeneratedTokenAnswerDto {
  @ApiProperty({
    example:
      'eyJhbGciOiJSUzI1NiIsImtpZCI6Ik56YkxzWGg4dURDY2QtNk1Od1hGNFdfN25vV1hGWkFmSGt4WnNSR0M5WHMiLCJ0eXAiOiJhdCtqd3QifQ…',
  })
  access_token: string;

  @ApiProperty({ enum: ['Bearer'] })
  token_type: 'Bearer';

  @ApiProperty({ example: 600, description: 'Seconds' })
  expires_in: number;

  @ApiProperty({ example: JTI, description: 'Names the token where it is listed and revoked' })
  jti: string;

  @Warnings()
  warnings?: string[];
}

export class GeneratedTokensQuery extends PageQuery {
  @ApiPropertyOptional({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11', maxLength: 200 })
  @Optional()
  @IsString()
  @MaxLength(200)
  @NoControlCharacters()
  subject?: string;

  @ApiPropertyOptional({ example: 'urn:example:orders', maxLength: 256 })
  @Optional()
  @IsString()
  @MaxLength(256)
  @NoControlCharacters()
  audience?: string;

  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Neither revoked nor expired' })
  @Optional()
  @IsIn(['true', 'false'])
  active?: 'true' | 'false';
}

export class GeneratedTokenDto {
  @ApiProperty({ example: JTI })
  jti: string;

  @ApiProperty({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  subject: string;

  @ApiProperty({ example: 'http://localhost:3000' })
  audience: string;

  @ApiProperty({ example: 'portcullis' })
  clientId: string;

  @ApiProperty({ example: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', description: 'The key that signed it' })
  kid: string;

  @ApiProperty({ type: [String], example: ['auditor'] })
  roles: string[];

  @ApiProperty({ oneOf: [{ ...NAMES, nullable: true }, SUBJECT_PERMISSIONS], example: ['users:read'] })
  permissions: string[] | SubjectPermissions | null;

  @ApiProperty({ enum: ['user', 'client', 'system'], example: 'user' })
  generatedByType: 'user' | 'client' | 'system';

  @ApiProperty({ example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  generatedBy: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: Date;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  notBefore: Date | null;

  @ApiProperty({ format: 'date-time' })
  expiresAt: Date;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revokedAt: Date | null;

  @ApiProperty({ type: String, nullable: true, description: 'The id of a user or client, or `system`' })
  revokedBy: string | null;
}

export class GeneratedTokenPageDto {
  @ApiProperty({ type: [GeneratedTokenDto] })
  items: GeneratedTokenDto[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor: string | null;
}
