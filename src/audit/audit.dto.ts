import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsISO8601, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../common/pagination.js';
import { NoControlCharacters, Optional } from '../common/validation.js';
import type { AuditOutcome } from './audit-event.entity.js';

const OUTCOMES: AuditOutcome[] = ['success', 'failure', 'denied'];

export class AuditQuery extends PageQuery {
  @ApiPropertyOptional({ example: 'user.disabled', maxLength: 64 })
  @Optional()
  @IsString()
  @MaxLength(64)
  @NoControlCharacters()
  action?: string;

  @ApiPropertyOptional({ enum: OUTCOMES })
  @Optional()
  @IsIn(OUTCOMES)
  outcome?: AuditOutcome;

  @ApiPropertyOptional({ maxLength: 128 })
  @Optional()
  @IsString()
  @MaxLength(128)
  @NoControlCharacters()
  actorId?: string;

  @ApiPropertyOptional({ maxLength: 256 })
  @Optional()
  @IsString()
  @MaxLength(256)
  @NoControlCharacters()
  targetId?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'At or after' })
  @Optional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before' })
  @Optional()
  @IsISO8601({ strict: true })
  to?: string;
}

export class AuditEventDto {
  @ApiProperty({ example: '1042' })
  id: string;

  @ApiProperty({ format: 'date-time' })
  at: Date;

  @ApiProperty({ example: 'user.disabled' })
  action: string;

  @ApiProperty({ enum: OUTCOMES })
  outcome: AuditOutcome;

  @ApiProperty({ enum: ['user', 'client', 'system', 'anonymous'] })
  actorType: string;

  @ApiProperty({ type: String, nullable: true })
  actorId: string | null;

  @ApiProperty({ type: String, nullable: true })
  sessionId: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'user' })
  targetType: string | null;

  @ApiProperty({ type: String, nullable: true })
  targetId: string | null;

  @ApiProperty({ type: String, nullable: true })
  requestId: string | null;

  @ApiProperty({ type: String, nullable: true, example: '127.0.0.1' })
  address: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  details: Record<string, unknown>;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditEventDto] })
  items: AuditEventDto[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor: string | null;
}
