import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsString, MaxLength, MinLength } from 'class-validator';
import { AsSent, Optional, PlainText } from '../../common/validation.js';
import { AudienceField, Mode } from '../auth.dto.js';
import type { TokenMode } from '../session-cookie.js';

const TOKEN_INPUT = 128;

const Credential =
  (which: string): PropertyDecorator =>
  (target, key) => {
    ApiProperty({
      type: 'object',
      additionalProperties: true,
      description: `What \`navigator.credentials.${which}\` gave, as \`toJSON()\` writes it`,
      example: { id: 'nHY0…', rawId: 'nHY0…', type: 'public-key', clientExtensionResults: {}, response: {} },
    })(target, key);
    AsSent()(target, key);
    IsObject()(target, key);
  };

export class MfaTokenDto {
  @ApiProperty({ example: 'psu_0FmCzqVvT6nJ…', description: 'From the login', maxLength: TOKEN_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(TOKEN_INPUT)
  mfa_token: string;
}

export class FactorPasskeyDto extends MfaTokenDto {
  @Credential('get')
  credential: Record<string, unknown>;

  @Mode()
  mode?: TokenMode;
}

export class PasskeyLoginDto {
  @Credential('get')
  credential: Record<string, unknown>;

  @AudienceField('Whom the tokens of the session are for; the issuer itself when absent')
  audience?: string[];

  @Mode()
  mode?: TokenMode;
}

export class ConfirmPasskeyDto {
  @Credential('create')
  credential: Record<string, unknown>;

  @ApiPropertyOptional({ example: 'my laptop', maxLength: 64, description: 'For its owner to know it again' })
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  @PlainText()
  name?: string;

  @Mode()
  mode?: TokenMode;
}

export class PasskeySetupDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'For `PublicKeyCredential.parseCreationOptionsFromJSON` and `navigator.credentials.create`',
  })
  options: Record<string, unknown>;
}

export class PasskeyQuestionDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'For `PublicKeyCredential.parseRequestOptionsFromJSON` and `navigator.credentials.get`',
  })
  options: Record<string, unknown>;
}
