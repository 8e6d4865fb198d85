import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsString, MaxLength, MinLength, ValidateIf } from 'class-validator';
import { NoControlCharacters, Optional, PlainText } from '../common/validation.js';
import { SCOPES, type Scope } from './expiration-scopes.js';

export class ForceExpirationDto {
  @ApiProperty({ enum: SCOPES, example: 'user' })
  @IsIn(SCOPES)
  scope: Scope;

  @ApiPropertyOptional({
    description: 'User id, clientId, audience identifier, session id, role name or jti; none for the scope `global`',
    example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11',
    maxLength: 256,
  })
  @ValidateIf((dto: ForceExpirationDto) => dto.scope !== 'global' || dto.key !== undefined)
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  @NoControlCharacters()
  key?: string;

  @ApiProperty({ description: 'For the audit trail', example: 'laptop stolen', maxLength: 500 })
  @IsString()
  @MinLength(1)
  @MaxLength(500)
  @PlainText()
  reason: string;

  @ApiPropertyOptional({
    default: true,
    description: 'Whether refresh tokens end too, so that people sign in again; else their clients refresh and go on',
  })
  @Optional()
  @IsBoolean()
  endSessions?: boolean;

  @ApiPropertyOptional({ default: false, description: 'Only count' })
  @Optional()
  @IsBoolean()
  dryRun?: boolean;
}

export class ForcedExpirationDto {
  @ApiProperty({ example: 3, description: 'Live sessions in the scope' })
  sessions: number;

  @ApiProperty({ example: 0, description: 'Unexpired recorded tokens in the scope' })
  tokens: number;
}
