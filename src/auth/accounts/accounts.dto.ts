import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import { DisplayName, Email } from '../../users/user-fields.js';

/** Longer than any password the policy allows, so that the policy, not this, says what is too long. */
const PASSWORD_INPUT = 4096;

const LinkToken = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({
      example: 'psu_2jvYQ0sWvT1mKx8n4cRr6o9dF3hGzLbPqAeUiXyNtMw',
      description: 'The parameter `token` of the link in the mail',
      maxLength: 128,
    }),
    IsString(),
    MaxLength(128),
  );

const NewPassword = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ example: 'violet otters juggle lanterns', format: 'password', maxLength: PASSWORD_INPUT }),
    IsString(),
    MinLength(1),
    MaxLength(PASSWORD_INPUT),
  );

export class MailToDto {
  @Email()
  email: string;
}

export class LinkDto {
  @LinkToken()
  token: string;
}

export class ChangeAddressDto {
  @Email()
  newEmail: string;

  @ApiProperty({ example: 'correct horse battery staple', format: 'password', maxLength: PASSWORD_INPUT })
  @IsString()
  @MinLength(1)
  @MaxLength(PASSWORD_INPUT)
  currentPassword: string;
}

export class CompleteRegistrationDto {
  @LinkToken()
  token: string;

  @NewPassword()
  password: string;

  @DisplayName()
  displayName?: string | null;
}

export class PasswordByLinkDto {
  @LinkToken()
  token: string;

  @NewPassword()
  newPassword: string;
}
