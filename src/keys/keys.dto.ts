import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, MaxLength, MinLength } from 'class-validator';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../config/env.js';
import { Optional, PlainText } from '../common/validation.js';
import { KEY_STATES, type KeyState } from './lifecycle.js';

const KID = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';

const moment = (description: string) => ({ type: String, format: 'date-time', nullable: true, description });

export class RotateKeyDto {
  @ApiPropertyOptional({
    enum: SIGNING_ALGORITHMS,
    example: 'RS256',
    description: 'Whose key; `PORTCULLIS_SIGNING_ALGORITHM` when absent',
  })
  @Optional()
  @IsIn(SIGNING_ALGORITHMS)
  algorithm?: SigningAlgorithm;
}

export class RevokeKeyDto {
  @ApiPropertyOptional({ example: 'a backup was stolen', maxLength: 200, description: 'For the audit trail' })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  @PlainText()
  reason?: string;
}

export class NamedKeyDto {
  @ApiProperty({ example: KID })
  kid: string;

  @ApiProperty({ enum: KEY_STATES })
  state: KeyState;
}

export class KeyDto extends NamedKeyDto {
  @ApiProperty({ example: 'RS256' })
  algorithm: string;

  @ApiProperty({ type: String, nullable: true, description: 'The one audience that a secret belongs to' })
  audience: string | null;

  @ApiProperty({ enum: ['generated', 'imported'] })
  origin: 'generated' | 'imported';

  @ApiProperty({ format: 'date-time', description: 'It has been published since, unless it is a secret' })
  createdAt: Date;

  @ApiProperty(moment('It has signed since'))
  activatedAt: Date | null;

  @ApiProperty(moment('It has only verified since'))
  retiringAt: Date | null;

  @ApiProperty(moment('When the last token that it signed has expired'))
  retireAt: Date | null;

  @ApiProperty(moment('It has been out of use since'))
  retiredAt: Date | null;

  @ApiProperty(moment('Its tokens have been refused since'))
  revokedAt: Date | null;
}

export class KeyWithPublicHalfDto extends KeyDto {
  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: { type: 'string' },
    example: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    description: 'RFC 7517; null for a secret',
  })
  publicJwk: Record<string, string> | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example:
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n',
    description: 'The same as SubjectPublicKeyInfo (RFC 7468 section 13); null for a secret',
  })
  publicPem: string | null;
}

export class KeyPageDto {
  @ApiProperty({ type: [KeyDto] })
  items: KeyDto[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor: string | null;
}
