import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { REFUSAL_REASONS, type RefusalReason, type SubjectAction } from '@portcullis/verifier';
import { IsIn, IsString, MaxLength, MinLength, ValidateBy } from 'class-validator';
import { NoControlCharacters, Optional } from '../common/validation.js';
import { QUESTIONS, type Question } from './explanation.js';
import { LONGEST_SUBJECT, isUsableSubject } from './token-permissions.js';

/** The warnings of a token answer. */
export const Warnings = (): PropertyDecorator =>
  ApiPropertyOptional({
    type: [String],
    description: 'What may come in the way of using the token; absent when there is nothing',
    example: ['The token has 4312 bytes. Beyond 4096 some servers and proxies refuse the header that carries it.'],
  });

export class ExplainTokenDto {
  @ApiProperty({
    example:
      'eyJhbGciOiJSUzI1NiIsImtpZCI6IjIwMTEtMDQtMjkiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSJ9.c2lnbmF0dXJl',
    maxLength: 61_440,
  })
  @IsString()
  @MinLength(1)
  @MaxLength(61_440)
  token: string;
}

export class AnswerDto {
  @ApiProperty({ enum: QUESTIONS, example: 'user_active' })
  question: Question;

  @ApiProperty({
    type: Boolean,
    nullable: true,
    description: 'true: good; false: this refuses the token; null: does not apply or cannot be told',
    example: false,
  })
  answer: boolean | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { status: 'disabled', endedBy: 1_795_000_000_000_001, reason: 'user_disabled' },
  })
  facts: Record<string, unknown>;
}

export class ExplainedTokenDto {
  @ApiProperty({ example: false })
  accepted: boolean;

  @ApiPropertyOptional({
    enum: REFUSAL_REASONS,
    description: 'The first thing that refuses the token',
    example: 'user_disabled',
  })
  reason?: RefusalReason;

  @ApiProperty({ type: [AnswerDto] })
  questions: AnswerDto[];
}

const ACTIONS: SubjectAction[] = ['pub', 'sub'];

export class CheckSubjectDto extends ExplainTokenDto {
  @ApiProperty({ enum: ACTIONS, example: 'pub', description: 'To publish, or to subscribe' })
  @IsIn(ACTIONS)
  action: SubjectAction;

  @ApiProperty({ example: '/orders/new', maxLength: LONGEST_SUBJECT })
  @ValidateBy({
    name: 'isSubject',
    validator: { validate: isUsableSubject, defaultMessage: () => '$property must be a subject such as /orders/new' },
  })
  subject: string;

  @ApiPropertyOptional({
    example: 'urn:portcullis:broker',
    maxLength: 256,
    description:
      'The audience that asks: tokens for others are refused. Without it tokens for any audience are taken; of those that the secret of an audience signs, what is on record.',
  })
  @Optional()
  @IsString()
  @MaxLength(256)
  @NoControlCharacters()
  audience?: string;
}

const NOT_ALLOWED = [...REFUSAL_REASONS, 'not_permitted'] as const;

export class SubjectDecisionDto {
  @ApiProperty({ example: false })
  allowed: boolean;

  @ApiPropertyOptional({
    enum: NOT_ALLOWED,
    description:
      'What refuses the token; `wrong_type` if it is none for a broker, `not_permitted` if it permits other subjects',
    example: 'not_permitted',
  })
  reason?: RefusalReason | 'not_permitted';
}
