import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiForbiddenResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { Principal } from '@portcullis/verifier';
import { Requires } from '../common/access.js';
import { CurrentActor, CurrentPrincipal, type Actor } from '../common/principal.js';
import { ProblemDto, notFound } from '../common/problem.js';
import { authorityOfToken } from './authority.js';
import {
  GenerateTokenDto,
  GeneratedTokenAnswerDto,
  GeneratedTokenPageDto,
  GeneratedTokensQuery,
} from './generated-tokens.dto.js';
import { GeneratedTokens } from './generated-tokens.service.js';
import { orderOf } from './generation-order.js';
import { warningsField } from './minted-token.js';
import { TokenRegister } from './token-register.js';

const JTI = /^[\w-]{1,64}$/;

@ApiTags('Tokens')
@Controller('v1/tokens')
export class GeneratedTokensController {
  constructor(
    private readonly tokens: GeneratedTokens,
    private readonly register: TokenRegister,
  ) {}

  @Post()
  @ApiForbiddenResponse({
    type: ProblemDto,
    description: 'You lack `tokens:generate`, or something that the token would permit or its subject holds',
  })
  @Requires('tokens:generate')
  @ApiOperation({
    summary: 'Generate a token; it is recorded, and can be revoked',
    description:
      'Within your own rights: you must hold what the token permits, and what its subject holds. It ends with its subject and with you. What a generated token generates lives no longer than itself.',
  })
  @ApiCreatedResponse({ type: GeneratedTokenAnswerDto })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: 'A field is not acceptable, the audience is not known, or the lifetime is longer than allowed',
  })
  async generate(
    @Body() dto: GenerateTokenDto,
    @CurrentActor() actor: Actor,
    @CurrentPrincipal() principal: Principal,
  ): Promise<GeneratedTokenAnswerDto> {
    const answer = await this.tokens.generate(authorityOfToken(actor, principal), orderOf(dto));
    return {
      access_token: answer.accessToken,
      token_type: 'Bearer',
      expires_in: answer.expiresIn,
      jti: answer.jti,
      ...warningsField(answer.warnings),
    };
  }

  @Get()
  @Requires('tokens:generate')
  @ApiOperation({ summary: 'List generated tokens, newest first' })
  @ApiOkResponse({ type: GeneratedTokenPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A filter or the cursor is not acceptable' })
  list(@Query() query: GeneratedTokensQuery): Promise<GeneratedTokenPageDto> {
    return this.register.list(query);
  }

  @Delete(':jti')
  @HttpCode(204)
  @ApiForbiddenResponse({
    type: ProblemDto,
    description:
      'You lack `tokens:revoke`; or somebody else generated it, and it permits or its subject holds more than you do',
  })
  @Requires('tokens:revoke')
  @ApiOperation({
    summary: 'Revoke a generated token',
    description: 'The very next request with it is refused. One that was revoked before stays as it is.',
  })
  @ApiParam({ name: 'jti', example: 'kq1vZ3a2XxQd0m5nWc8b7A' })
  @ApiNoContentResponse({ description: 'It is revoked, or had expired' })
  @ApiNotFoundResponse({ type: ProblemDto, description: 'No such token was generated' })
  async revoke(@Param('jti') jti: string, @CurrentActor() actor: Actor): Promise<void> {
    if (!JTI.test(jti)) throw notFound('token');
    await this.register.revoke(actor, jti);
  }
}
