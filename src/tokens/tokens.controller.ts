import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Requires } from '../common/access.js';
import { ProblemDto } from '../common/problem.js';
import { ExplainService } from './explain.service.js';
import { SubjectCheck } from './subject-check.service.js';
import { CheckSubjectDto, ExplainTokenDto, ExplainedTokenDto, SubjectDecisionDto } from './tokens.dto.js';

@ApiTags('Tokens')
@Controller('v1/tokens')
export class TokensController {
  constructor(
    private readonly explainer: ExplainService,
    private readonly subjects: SubjectCheck,
  ) {}

  @Post('explain')
  @HttpCode(200)
  @Requires('tokens:explain')
  @ApiOperation({
    summary: 'Explain why a token is accepted or refused',
    description:
      'Answers the five questions that are asked of every token, one by one: is it expired, is its signature valid, have the credentials changed since, is its user active, was its expiration forced?',
  })
  @ApiOkResponse({ type: ExplainedTokenDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'No token was given' })
  explain(@Body() { token }: ExplainTokenDto): Promise<ExplainedTokenDto> {
    return this.explainer.explain(token);
  }

  @Post('check')
  @HttpCode(200)
  @Requires('tokens:introspect')
  @ApiOperation({
    summary: 'Check what a message broker’s token permits',
    description:
      'Whether its holder may publish to a subject or subscribe to it, at this moment: the token must be accepted, and its `permissions` must cover the subject.',
  })
  @ApiOkResponse({ type: SubjectDecisionDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'There is no token, or the subject is none' })
  check(@Body() question: CheckSubjectDto, @Req() { arrivedAt }: FastifyRequest): Promise<SubjectDecisionDto> {
    return this.subjects.check(question, arrivedAt);
  }
}
