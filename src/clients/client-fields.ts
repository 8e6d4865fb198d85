import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { AsSent, NoControlCharacters, Optional, PlainText } from '../common/validation.js';
import { CLIENT_ID, CLIENT_ID_RULE } from './client-id.js';
import { MOST_KEYS } from './registered-keys.js';

const documented = (options: ApiPropertyOptions, { optional }: { optional: boolean }): PropertyDecorator =>
  optional ? applyDecorators(ApiPropertyOptional(options), Optional()) : ApiProperty(options);

export const ClientName = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ example: 'Billing', minLength: 1, maxLength: 200 }),
    IsString(),
    MinLength(1),
    MaxLength(200),
    PlainText(),
  );

export const ClientId = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      example: 'billing',
      maxLength: 128,
      pattern: CLIENT_ID.source,
      description: 'Made up when it is left out',
    }),
    Optional(),
    IsString(),
    Matches(CLIENT_ID, { message: CLIENT_ID_RULE }),
  );

/** Bounded as those of a role are. */
export const PermissionNames = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented({ type: [String], example: ['tokens:introspect'], maxItems: 1000 }, presence),
    IsArray(),
    ArrayMaxSize(1000),
    ArrayUnique(),
    IsString({ each: true }),
    MaxLength(128, { each: true }),
    NoControlCharacters({ each: true }),
  );

export const AudienceNames = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented(
      {
        type: [String],
        example: [],
        maxItems: 100,
        description: 'Registered audiences that it may have tokens for, besides the issuer, for whom every client may',
      },
      presence,
    ),
    IsArray(),
    ArrayMaxSize(100),
    ArrayUnique(),
    IsString({ each: true }),
    MaxLength(200, { each: true }),
    NoControlCharacters({ each: true }),
  );

/** What each key is, is looked at later. */
export const PublicKeys = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({
      type: 'array',
      maxItems: MOST_KEYS,
      items: { type: 'object', additionalProperties: true },
      example: [
        {
          kty: 'EC',
          crv: 'P-256',
          x: 'RXM3-ExD_mWJv8vOrYPMiUaEfozYQuHj7lc4BnQp_Lk',
          y: 'ASAFBDb0uObzfKYU7zJqvJ6ufQXcVoYikwbPecLpLc0',
          kid: '2026-01',
        },
      ],
      description: 'Public JWKs (RFC 7517): RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519',
    }),
    IsArray(),
    ArrayMaxSize(MOST_KEYS),
    AsSent(),
  );
