import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { EVENT_KINDS, type EventKind } from '@portcullis/verifier';
import { Type } from 'class-transformer';
import { IsInt, IsNumber, Matches, Max, Min } from 'class-validator';
import { Optional } from '../common/validation.js';

export class FeedQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 0,
    description: '`seq` of the answer before; 0 asks for the whole window',
  })
  @Optional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after = 0;

  @ApiPropertyOptional({
    minimum: 0,
    maximum: 30,
    default: 0,
    description: 'For how many seconds to wait when there is nothing new; fractions allowed',
  })
  @Optional()
  @Type(() => Number)
  @IsNumber()
  @Min(0)
  @Max(30)
  wait = 0;

  @ApiPropertyOptional({
    pattern: '^[A-Za-z0-9_-]{1,64}$',
    description:
      'Sent back in the answer: it shows that this is the answer to this question, and not one that a cache on the way kept',
    example: 'c2VsZG9tIHJlcGVhdGVk',
  })
  @Optional()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  nonce?: string;
}

class FeedEventDto {
  @ApiProperty({ enum: EVENT_KINDS, example: 'user' })
  kind: EventKind;

  @ApiProperty({
    description:
      'What it is about. For `user`, `user_facts`, `session` and `token`: base64url of the first 16 bytes of SHA-256 of `kind|key`; else clientId, audience, role, `role permission`, kid, or `*`',
    example: 'nyh6CXqAT1qlBG9q2pF5uA',
  })
  key: string;

  @ApiProperty({ type: 'integer', example: 1763798400123456 })
  seq: number;

  @ApiProperty({ example: 'user_disabled' })
  reason: string;
}

export class FeedDto {
  @ApiProperty({ type: 'integer', description: 'Ask for what follows this next', example: 1763798400123456 })
  seq: number;

  @ApiProperty({
    type: 'integer',
    description: 'A token whose `as_of` is below this can no longer be judged',
    example: 0,
  })
  floor: number;

  @ApiProperty({ type: 'integer', description: 'Longest lifetime of any token outstanding, seconds', example: 86400 })
  keepSeconds: number;

  @ApiProperty({ type: 'integer', description: 'The same for access tokens of sessions, seconds', example: 300 })
  keepAccessSeconds: number;

  @ApiProperty({ description: "The database's clock when it was read: ms since 1970", example: 1763798400123.4 })
  now: number;

  @ApiProperty({
    description: 'How many ms after the request arrived the database was read: as of then, the answer is fresh',
    example: 812.5,
  })
  waitedMs: number;

  @ApiPropertyOptional({ description: 'As it was asked', example: 'c2VsZG9tIHJlcGVhdGVk' })
  nonce?: string;

  @ApiProperty({ type: [FeedEventDto] })
  events: FeedEventDto[];
}

export class SubscriberDto {
  @ApiProperty({ description: 'The client, or the user, whose token it follows with', example: 'orders' })
  clientId: string;

  @ApiProperty({ description: 'Which of its instances, as it calls itself', example: 'orders-7c9f' })
  subscriber: string;

  @ApiProperty({
    type: 'integer',
    description: 'The last `seq` that it has, or was answered with',
    example: 1763798400123456,
  })
  position: number;

  @ApiProperty({
    type: 'integer',
    description: 'Events that it does not have yet; 1000 stands for as many or more',
    example: 0,
  })
  behind: number;

  @ApiProperty({ format: 'date-time', example: '2026-11-22T10:00:00.000Z' })
  lastSeenAt: string;
}

export class SubscriberPageDto {
  @ApiProperty({ type: [SubscriberDto] })
  items: SubscriberDto[];

  @ApiProperty({ type: String, nullable: true, example: null })
  nextCursor: string | null;
}
