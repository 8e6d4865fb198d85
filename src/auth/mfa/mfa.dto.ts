import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { Optional, PlainText } from '../../common/validation.js';
import { Mode, TokenPairDto } from '../auth.dto.js';
import type { TokenMode } from '../session-cookie.js';

const TOKEN_INPUT = 128;

export class FactorCodeDto {
  @ApiProperty({ example: 'psu_0FmCzqVvT6nJ…', description: 'From the login', maxLength: TOKEN_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(TOKEN_INPUT)
  mfa_token: string;

  @ApiProperty({ example: '492039', description: 'Of the authenticator app, or a recovery code', maxLength: 64 })
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  code: string;

  @Mode()
  mode?: TokenMode;
}

export class StartEnrolmentDto {
  @ApiPropertyOptional({
    example: 'psu_0FmCzqVvT6nJ…',
    description: 'From a login that answered `factor_enrolment_required`, in place of a Bearer token',
    maxLength: TOKEN_INPUT,
  })
  @Optional()
  @IsString()
  @MaxLength(TOKEN_INPUT)
  enrolmentToken?: string;
}

export class TotpSetupDto {
  @ApiProperty({ example: 'psu_5n0Zb8oQy1xK…', description: 'To be sent with the first code' })
  setupToken: string;

  @ApiProperty({ example: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', description: 'To be typed into the app' })
  secret: string;

  @ApiProperty({
    example: 'otpauth://totp/auth.example.org:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=auth.example.org',
    description: 'The same as an address, to be shown as a QR code',
  })
  uri: string;

  @ApiProperty({ example: 600, description: 'Seconds that the setup token is good for' })
  expiresIn: number;
}

export class ConfirmTotpDto {
  @ApiProperty({ example: 'psu_5n0Zb8oQy1xK…', maxLength: TOKEN_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(TOKEN_INPUT)
  setupToken: string;

  @ApiProperty({ example: '492039', description: 'What the app shows now', maxLength: 16 })
  @IsString()
  @MinLength(1)
  @MaxLength(16)
  code: string;

  @ApiPropertyOptional({ example: 'my phone', maxLength: 64, description: 'For its owner to know it again' })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  @PlainText()
  name?: string;

  @Mode()
  mode?: TokenMode;
}

const CODES = {
  type: [String] as [typeof String],
  example: ['k3f7-9m2q-x8vd-4tbn-6hzc-1prw'],
  description: 'Each replaces a lost factor once. They are shown this once.',
};

/** A change of factors ends every session and token of the user, and begins a new session. */
export class EnrolledDto extends TokenPairDto {
  @ApiProperty({ format: 'uuid' })
  factorId: string;

  @ApiPropertyOptional({ ...CODES, description: `${CODES.description} Absent where there were some already.` })
  recoveryCodes?: string[];
}

export class RecoveryCodesDto extends TokenPairDto {
  @ApiProperty(CODES)
  recoveryCodes: string[];
}

export class FactorDto {
  @ApiProperty({ format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a13' })
  id: string;

  @ApiProperty({ enum: ['totp', 'passkey'] })
  kind: 'totp' | 'passkey';

  @ApiProperty({ example: 'my phone' })
  name: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: Date;

  @ApiProperty({ type: String, nullable: true, format: 'date-time' })
  lastUsedAt: Date | null;

  @ApiProperty({ example: false, description: 'Whether, after a hundred wrong codes in a row, no code of it is taken' })
  locked: boolean;
}

export class FactorsDto {
  @ApiProperty({ type: [FactorDto] })
  items: FactorDto[];

  @ApiProperty({ example: 10, description: 'How many recovery codes are left' })
  recoveryCodesLeft: number;
}
