import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Requires } from '../common/access.js';
import { ProblemDto } from '../common/problem.js';
import { ExplainService } from './explain.service.js';
import { ExplainTokenDto, ExplainedTokenDto } from './tokens.dto.js';

@ApiTags('Tokens')
@Controller('v1/tokens')
export class TokensController {
  constructor(private readonly explainer: ExplainService) {}

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
}
