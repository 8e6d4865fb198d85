import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../common/access.js';
import { BrokerRefusalDto } from '../common/broker-answer.js';
import { Limited } from '../common/limited.js';
import { Problem } from '../common/problem.js';
import { readBrokerTokenRequest } from './broker-token-request.js';
import { BrokerTokenDto, BrokerTokenRequestDto } from './broker-tokens.dto.js';
import { BrokerTokens } from './broker-tokens.service.js';
import { callerOf } from './password-check.js';

const refusal = (status: number, description: string): MethodDecorator =>
  ApiResponse({ status, type: BrokerRefusalDto, description });

@ApiTags('Tokens')
@Controller('token')
export class BrokerTokensController {
  constructor(private readonly tokens: BrokerTokens) {}

  @Post('generate')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Generate a token for a message broker, in the form of MigratoryData',
    description:
      'For the audience PORTCULLIS_BROKER_AUDIENCE: with its own key where it is registered, else with the issuer’s. The token is about the user, is recorded like those of `POST /v1/tokens`, and ends with the user. Attempts are throttled and counted like logins.',
  })
  @ApiBody({ type: BrokerTokenRequestDto })
  @ApiOkResponse({ type: BrokerTokenDto })
  @refusal(400, 'Wrong credentials, whatever is wrong about them; a subject that is none; a lifetime that is too long')
  @refusal(403, 'The user lacks `tokens:generate`, must change the password first, or has or needs a second factor')
  @refusal(404, 'There is no broker (`PORTCULLIS_BROKER_AUDIENCE` is `off`)')
  @refusal(413, 'The body is too large')
  @refusal(415, 'The body is no JSON')
  @refusal(429, 'Too many attempts; `Retry-After` tells when to try again')
  @refusal(503, 'The service cannot know or do it right now; `Retry-After` tells when to try again')
  @Public()
  @Limited('attempts')
  async generate(@Body() body: unknown, @Req() request: FastifyRequest): Promise<BrokerTokenDto> {
    const wanted = readBrokerTokenRequest(body);
    if (typeof wanted === 'string') throw new Problem(400, 'validation_failed', wanted);
    return { response: await this.tokens.generate(wanted, callerOf(request)) };
  }
}
