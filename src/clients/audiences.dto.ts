import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsIn, IsInt, IsObject, IsString, Matches, Max, MaxLength, Min, ValidateIf } from 'class-validator';
import { AsSent, Optional } from '../common/validation.js';
import { AUDIENCE_ALGORITHMS, type AudienceAlgorithm } from './audience-algorithms.js';
import { AUDIENCE_IDENTIFIER, AUDIENCE_IDENTIFIER_RULE } from './audience-identifier.js';
import { CLAIM_ATTRIBUTES, MOST_EXTRA_CLAIMS } from './extra-claims.js';

const ALGORITHM: ApiPropertyOptions = {
  enum: AUDIENCE_ALGORITHMS,
  example: 'ES256',
  description:
    'HS256, HS384 and HS512: a secret of its own; any other: the key of that algorithm that all audiences share',
};

const CLAIMS = {
  type: 'object' as const,
  additionalProperties: { type: 'string' as const, enum: [...CLAIM_ATTRIBUTES] },
  example: { email: 'user.email', 'https://example.org/app': 'client.name' },
};

const Secret = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      maxLength: 128,
      description:
        'For an HMAC algorithm: 32, 48 or 64 bytes (HS256, HS384, HS512) in base64 or base64url; made when it is left out',
    }),
    Optional(),
    IsString(),
    MaxLength(128),
  );

const TokenTtlSeconds = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      type: 'integer',
      nullable: true,
      minimum: 1,
      maximum: 31_622_400,
      example: 600,
      description:
        'Lifetime of its tokens, up to `PORTCULLIS_MAX_TOKEN_TTL`; none: that of access tokens, or what a generated token asks for',
    }),
    ValidateIf((_, value) => value !== undefined && value !== null),
    IsInt(),
    Min(1),
    Max(31_622_400),
  );

const Claims = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      ...CLAIMS,
      description: `At most ${MOST_EXTRA_CLAIMS.toString()} claims that its tokens have besides their own, by name, and what each tells`,
    }),
    Optional(),
    IsObject(),
    AsSent(),
  );

export class CreateAudienceDto {
  @ApiProperty({ example: 'https://orders.example.org', maxLength: 200, pattern: AUDIENCE_IDENTIFIER.source })
  @IsString()
  @Matches(AUDIENCE_IDENTIFIER, { message: AUDIENCE_IDENTIFIER_RULE })
  identifier: string;

  @ApiProperty(ALGORITHM)
  @IsIn(AUDIENCE_ALGORITHMS)
  algorithm: AudienceAlgorithm;

  @Secret()
  secret?: string;

  @TokenTtlSeconds()
  tokenTtlSeconds?: number | null;

  @Claims()
  claims?: Record<string, unknown>;
}

export class UpdateAudienceDto {
  @ApiPropertyOptional({ ...ALGORITHM, description: 'Another one ends all tokens for the audience' })
  @Optional()
  @IsIn(AUDIENCE_ALGORITHMS)
  algorithm?: AudienceAlgorithm;

  @Secret()
  secret?: string;

  @TokenTtlSeconds()
  tokenTtlSeconds?: number | null;

  @Claims()
  claims?: Record<string, unknown>;
}

export class RotateAudienceSecretDto {
  @Secret()
  secret?: string;
}

export class AudienceDto {
  @ApiProperty({ example: 'https://orders.example.org' })
  identifier: string;

  @ApiProperty(ALGORITHM)
  algorithm: AudienceAlgorithm;

  @ApiPropertyOptional({ description: 'The secret that signs now, by name; only with an HMAC algorithm' })
  kid?: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 600 })
  tokenTtlSeconds: number | null;

  @ApiProperty(CLAIMS)
  claims: Record<string, string>;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  updatedAt: Date;
}

export class AudienceWithSecretDto extends AudienceDto {
  @ApiPropertyOptional({
    description:
      'Base64; only with an HMAC algorithm, and shown this once. Whoever knows it can write tokens for the audience',
  })
  secret?: string;
}

export class AudiencePageDto {
  @ApiProperty({ type: [AudienceDto] })
  items: AudienceDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}
