import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../common/access.js';
import { Limited } from '../../common/limited.js';
import { ProblemDto } from '../../common/problem.js';
import { TokenPairDto, type FactorRequiredDto } from '../auth.dto.js';
import { callerOf } from '../password-check.js';
import { SessionCookie } from '../session-cookie.js';
import { PasskeyLogin } from './passkey-login.service.js';
import { FactorPasskeyDto, MfaTokenDto, PasskeyLoginDto, PasskeyQuestionDto } from './passkey.dto.js';
import { SecondStep } from './second-step.service.js';

const CHANGE = {
  type: ProblemDto,
  description:
    '`password_change_required`, with a `changeToken`; `foreign_page`: the cookie is for pages of the issuer',
};
const INCOMPLETE = { type: ProblemDto, description: 'A field is missing or not acceptable' };
const SPENT = { type: ProblemDto, description: '`invalid_token`: the `mfa_token` is not good any more, log in again' };

/** Passkeys, as the second step of a login and in place of a password. */
@ApiTags('Auth')
@Controller('v1/auth')
export class PasskeyController {
  constructor(
    private readonly steps: SecondStep,
    private readonly logins: PasskeyLogin,
    private readonly cookie: SessionCookie,
  ) {}

  @Post('mfa/passkey/options')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({ summary: 'Begin to complete a login with a passkey: get what the browser asks for it by' })
  @ApiOkResponse({ type: PasskeyQuestionDto })
  @ApiBadRequestResponse(INCOMPLETE)
  @ApiUnauthorizedResponse(SPENT)
  options(@Body() { mfa_token: token }: MfaTokenDto): Promise<PasskeyQuestionDto> {
    return this.steps.askForPasskey(token);
  }

  @Post('mfa/passkey')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Complete a login with a passkey',
    description:
      'Each challenge is good for one right answer, within five minutes. Failures are counted together with those of codes.',
  })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiBadRequestResponse(INCOMPLETE)
  @ApiUnauthorizedResponse({
    type: ProblemDto,
    description: '`invalid_code`: it is not the answer to the question; `invalid_token`: log in again',
  })
  @ApiForbiddenResponse(CHANGE)
  async factor(
    @Body() dto: FactorPasskeyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const mode = await this.steps.modeOf(dto);
    this.cookie.requireFor(mode, request);
    if (mode) dto.mode = mode;
    return this.cookie.handOver(await this.steps.withPasskey(dto, callerOf(request)), mode, request, reply);
  }

  @Post('passkey/options')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({ summary: 'Begin a login without a password: get what the browser asks for a passkey by' })
  @ApiOkResponse({ type: PasskeyQuestionDto })
  loginOptions(): Promise<PasskeyQuestionDto> {
    return this.logins.ask();
  }

  @Post('passkey/login')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Log in with a passkey alone',
    description:
      'The authenticator must make sure of its user, by PIN or finger for example: that makes it two factors.',
  })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiBadRequestResponse(INCOMPLETE)
  @ApiUnauthorizedResponse({ type: ProblemDto, description: '`invalid_credentials`, whatever the cause' })
  @ApiForbiddenResponse(CHANGE)
  async login(
    @Body() dto: PasskeyLoginDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    this.cookie.requireFor(dto.mode, request);
    return this.cookie.handOver(await this.logins.login(dto, callerOf(request)), dto.mode, request, reply);
  }
}
