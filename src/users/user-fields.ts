import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
  ValidateBy,
  isEmail,
} from 'class-validator';
import { isSendable } from '../mail/mail-address.js';
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

/** What `Email` says about a value that is none. */
function addressRefusal(value: unknown): string {
  return typeof value === 'string' && /\P{ASCII}/u.test(value)
    ? 'must be of ASCII, with an international domain as Punycode: xn--…'
    : 'must be an e-mail address';
}

export const Email = (presence = { optional: false }): PropertyDecorator =>
  applyDecorators(
    documented(
      {
        example: 'ann@example.org',
        description: 'Of ASCII; an international domain as Punycode',
        format: 'email',
        maxLength: 254,
      },
      presence,
    ),
    IsString(),
    MaxLength(254),
    ValidateBy({
      name: 'email',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && isEmail(value) && isSendable(value),
        defaultMessage: (given) => addressRefusal(given?.value),
      },
    }),
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
