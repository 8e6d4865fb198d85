import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../common/pagination.js';
import { NoControlCharacters } from '../common/validation.js';
import { DisplayName, Email, MustChangePassword, Password, RoleNames, Username } from './user-fields.js';
import { USER_STATUSES, type UserStatus } from './user.entity.js';

export class UsersQuery extends PageQuery {
  @ApiPropertyOptional({
    example: 'ann',
    maxLength: 254,
    description: 'What the username or the e-mail address starts with, in any case',
  })
  @IsOptional()
  @IsString()
  @MaxLength(254)
  @NoControlCharacters()
  search?: string;

  @ApiPropertyOptional({ enum: USER_STATUSES })
  @IsOptional()
  @IsIn(USER_STATUSES)
  status?: UserStatus;

  @ApiPropertyOptional({ example: 'auditor', maxLength: 64 })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  @NoControlCharacters()
  role?: string;
}

export class CreateUserDto {
  @Username()
  username: string;

  @Email()
  email: string;

  @DisplayName()
  displayName?: string | null;

  @Password()
  password?: string;

  @MustChangePassword()
  mustChangePassword?: boolean;

  @RoleNames({ optional: true })
  roles?: string[];
}

export class UpdateUserDto {
  @Username({ optional: true })
  username?: string;

  @Email({ optional: true })
  email?: string;

  @DisplayName()
  displayName?: string | null;

  @Password()
  password?: string;

  @MustChangePassword()
  mustChangePassword?: boolean;
}

export class UserRolesDto {
  @RoleNames()
  roles: string[];
}

export class UserDto {
  @ApiProperty({ format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  id: string;

  @ApiProperty({ example: 'ann' })
  username: string;

  @ApiProperty({ type: String, nullable: true, example: 'ann@example.org' })
  email: string | null;

  @ApiProperty({ example: true, description: 'Whether a mail to this address has shown that it is theirs' })
  emailVerified: boolean;

  @ApiProperty({ type: String, nullable: true, example: 'Ann Example' })
  displayName: string | null;

  @ApiProperty({ enum: USER_STATUSES, example: 'active' })
  status: UserStatus;

  @ApiProperty({ type: [String], example: ['auditor'], description: 'In alphabetical order' })
  roles: string[];

  @ApiProperty({
    example: false,
    description: 'Whether the next login has to set a new password. Asking for it ends sessions and tokens',
  })
  mustChangePassword: boolean;

  @ApiProperty({
    format: 'date-time',
    example: '2026-01-31T12:00:00.000Z',
    description: 'Sessions and tokens from before have ended',
  })
  credentialsChangedAt: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  updatedAt: Date;
}

export class UserPageDto {
  @ApiProperty({ type: [UserDto] })
  items: UserDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}
