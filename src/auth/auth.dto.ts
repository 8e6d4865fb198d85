import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsString, MaxLength, MinLength, ValidateIf } from 'class-validator';
import { NoControlCharacters, Optional } from '../common/validation.js';
import { Warnings } from '../tokens/tokens.dto.js';
import type { TokenMode } from './session-cookie.js';

/** Longer than any password the policy allows, so that the policy, not this, says what is too long. */
const PASSWORD_INPUT = 4096;

export const AudienceField = (description: string): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      type: [String],
      description,
      example: ['http://localhost:3000'],
      minItems: 1,
      maxItems: 16,
    }),
    Optional(),
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(16),
    IsString({ each: true }),
    MaxLength(256, { each: true }),
    NoControlCharacters({ each: true }),
  );

/** How a browser is to keep the refresh token. */
export const Mode = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({
      enum: ['body', 'cookie'],
      default: 'body',
      description:
        '`cookie`: the refresh token comes in a cookie that no script can read, and not in the body. For pages of the issuer itself. Said once, in whichever step of a login',
    }),
    Optional(),
    IsIn(['body', 'cookie']),
  );

export class LoginDto {
  @ApiPropertyOptional({ example: 'admin', description: 'A username or an e-mail address', maxLength: 254 })
  @ValidateIf((dto: LoginDto) => dto.email === undefined || dto.username !== undefined)
  @IsString()
  @MinLength(1)
  @MaxLength(254)
  @NoControlCharacters()
  username?: string;

  @ApiPropertyOptional({ example: 'alice@example.org', description: 'In place of `username`', maxLength: 254 })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(254)
  @NoControlCharacters()
  email?: string;

  @ApiProperty({ example: 'correct horse battery staple', maxLength: PASSWORD_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_INPUT)
  password: string;

  @AudienceField('Whom the tokens of the session are for; the issuer itself when absent')
  audience?: string[];

  @Mode()
  mode?: TokenMode;
}

export class RefreshDto {
  @ApiPropertyOptional({
    example: 'prt_AZrPaVN7c3yZ…',
    maxLength: 512,
    description: 'Without it, that of the cookie is taken, and the answer brings the next one in a cookie',
  })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  refresh_token?: string;

  @AudienceField('Whom the new access token is for; those of the session when absent, and at the next refresh again')
  audience?: string[];
}

export class LogoutDto {
  @ApiPropertyOptional({
    example: 'prt_AZrPaVN7c3yZ…',
    maxLength: 512,
    description: 'Ends the session of this token; without it, those of the cookie and of the Bearer token end',
  })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  refresh_token?: string;
}

export class ChangePasswordDto {
  @ApiPropertyOptional({
    example: 'correct horse battery staple',
    maxLength: PASSWORD_INPUT,
    description: 'Not needed with a change token',
  })
  @Optional()
  @IsString()
  @MaxLength(PASSWORD_INPUT)
  currentPassword?: string;

  @ApiProperty({ example: 'violet otters juggle lanterns', maxLength: PASSWORD_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_INPUT)
  newPassword: string;

  @ApiPropertyOptional({
    example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6InBhc3N3b3JkLWNoYW5nZStqd3QifQ…',
    description: 'From a login that answered `password_change_required`; may be sent as the Bearer token instead',
    maxLength: 2048,
  })
  @Optional()
  @IsString()
  @MaxLength(2048)
  changeToken?: string;

  @Mode()
  mode?: TokenMode;
}

/** RFC 6749 section 5.1. */
export class TokenPairDto {
  @ApiProperty({
    example:
      'eyJhbGciOiJSUzI1NiIsImtpZCI6Ik56YkxzWGg4dURDY2QtNk1Od1hGNFdfN25vV1hGWkFmSGt4WnNSR0M5WHMiLCJ0eXAiOiJhdCtqd3QifQ…',
  })
  access_token: string;

  @ApiProperty({ enum: ['Bearer'] })
  token_type: 'Bearer';

  @ApiProperty({ example: 300, description: 'Seconds' })
  expires_in: number;

  @ApiPropertyOptional({ example: 'prt_AZrPaVN7c3yZ…', description: 'Absent where it comes in a cookie' })
  refresh_token?: string;

  @ApiProperty({ example: 'users:read users:write', description: 'Names of permissions, separated by spaces' })
  scope: string;

  @Warnings()
  warnings?: string[];
}

/** What a login with the right password answers where the user has a second factor. */
export class FactorRequiredDto {
  @ApiProperty({ enum: [true] })
  mfa_required: true;

  @ApiProperty({ example: 'psu_0FmCzqVvT6nJ…', description: 'To be sent with the second factor' })
  mfa_token: string;

  @ApiProperty({ example: 300, description: 'Seconds that the token is good for' })
  expires_in: number;

  @ApiProperty({
    enum: ['totp', 'passkey', 'recovery'],
    isArray: true,
    description: 'By which of `/v1/auth/mfa/…` the login can be completed',
  })
  methods: ('totp' | 'passkey' | 'recovery')[];
}

export class MeDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ example: 'alice' })
  username: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice@example.org' })
  email: string | null;

  @ApiProperty({ example: true, description: 'Whether a mail to this address has shown that it is yours' })
  emailVerified: boolean;

  @ApiProperty({ type: String, nullable: true, example: 'Alice' })
  displayName: string | null;

  @ApiProperty({ example: 'active' })
  status: string;

  @ApiProperty({ type: [String], example: ['admin'] })
  roles: string[];

  @ApiProperty({ type: [String], example: ['users:read'] })
  permissions: string[];

  @ApiProperty({ type: String, nullable: true, format: 'uuid' })
  sessionId: string | null;

  @ApiProperty({ format: 'date-time' })
  credentialsChangedAt: Date;
}
