import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsEmail,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
} from 'class-validator';
import { NoControlCharacters, Optional, PlainText } from '../common/validation.js';

const documented = (options: ApiPropertyOptions, { optional }: { optional: boolean }): PropertyDecorator =>
  optional ? applyDecorators(ApiPropertyOptional(options), Optional()) : ApiProperty(options);

/** Narrower than the schema, which lets operators name people otherwise: no two of these names look alike. */
export const Username = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented({ example: 'ann', minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9._+-]{1,64}$' }, presence),
    IsString(),
    Matches(/^[A-Za-z0-9._+-]{1,64}$/, { message: 'must be 1 to 64 of A-Z, a-z, 0-9, . _ + and -' }),
  );

export const Email = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented({ example: 'ann@example.org', format: 'email', maxLength: 254 }, presence),
    IsString(),
    MaxLength(254),
    IsEmail({ allow_utf8_local_part: false }, { message: 'must be an e-mail address' }),
  );

/** How long it must be is for the policy to say; this only bounds the work. */
export const Password = (): PropertyDecorator =>
  applyDecorators(
    documented({ example: 'correct horse battery staple', format: 'password', maxLength: 4096 }, { optional: true }),
    IsString(),
    MaxLength(4096),
  );

export const DisplayName = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: String, nullable: true, example: 'Ann Example', minLength: 1, maxLength: 128 }),
    IsOptional(),
    IsString(),
    MinLength(1),
    MaxLength(128),
    PlainText(),
  );

export const MustChangePassword = (): PropertyDecorator =>
  applyDecorators(
    documented({ example: false, description: 'Whether the next login has to set a new password' }, { optional: true }),
    IsBoolean(),
  );

export const RoleNames = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented({ type: [String], example: ['auditor'], maxItems: 100 }, presence),
    IsArray(),
    ArrayMaxSize(100),
    ArrayUnique(),
    IsString({ each: true }),
    MaxLength(64, { each: true }),
    NoControlCharacters({ each: true }),
  );
