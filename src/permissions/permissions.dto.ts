import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { PlainText } from '../common/validation.js';
import { PERMISSION_NAME, PERMISSION_NAME_RULE } from './names.js';

export class CreatePermissionDto {
  @ApiProperty({ example: 'billing:read', maxLength: 128, pattern: PERMISSION_NAME.source })
  @IsString()
  @Matches(PERMISSION_NAME, { message: PERMISSION_NAME_RULE })
  name: string;

  @ApiPropertyOptional({ type: String, nullable: true, example: 'Read invoices', maxLength: 256 })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  @PlainText()
  description?: string | null;
}

export class PermissionDto {
  @ApiProperty({ example: 'billing:read' })
  name: string;

  @ApiProperty({ type: String, nullable: true, example: 'Read invoices' })
  description: string | null;

  @ApiProperty({ example: false, description: 'Guards Portcullis itself and cannot be deleted' })
  builtIn: boolean;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  createdAt: Date;
}

export class PermissionPageDto {
  @ApiProperty({ type: [PermissionDto] })
  items: PermissionDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}
