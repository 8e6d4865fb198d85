import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { NoControlCharacters, PlainText } from '../common/validation.js';
import { ROLE_NAME, ROLE_NAME_RULE } from './names.js';

export class RolePermissionsDto {
  @ApiProperty({ type: [String], example: ['users:read', 'audit:read'], maxItems: 1000 })
  @IsArray()
  @ArrayMaxSize(1000)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(128, { each: true })
  @NoControlCharacters({ each: true })
  permissions: string[];
}

export class CreateRoleDto extends RolePermissionsDto {
  @ApiProperty({ example: 'support', maxLength: 64, pattern: ROLE_NAME.source })
  @IsString()
  @Matches(ROLE_NAME, { message: ROLE_NAME_RULE })
  name: string;

  @ApiPropertyOptional({ type: String, nullable: true, example: 'Looks things up for customers', maxLength: 256 })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  @PlainText()
  description?: string | null;
}

export class UpdateRoleDto {
  @ApiPropertyOptional({ type: String, nullable: true, example: 'Looks things up for customers', maxLength: 256 })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  @PlainText()
  description?: string | null;
}

export class RoleDto {
  @ApiProperty({ example: 'support' })
  name: string;

  @ApiProperty({ type: String, nullable: true, example: 'Looks things up for customers' })
  description: string | null;

  @ApiProperty({ example: false, description: 'Can be neither changed nor deleted' })
  builtIn: boolean;

  @ApiProperty({ type: [String], example: ['audit:read', 'users:read'], description: 'In alphabetical order' })
  permissions: string[];

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  updatedAt: Date;
}

export class RolePageDto {
  @ApiProperty({ type: [RoleDto] })
  items: RoleDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}
