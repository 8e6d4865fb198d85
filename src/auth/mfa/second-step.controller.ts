import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
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
import { FactorCodeDto } from './mfa.dto.js';
import { SecondStep } from './second-step.service.js';

const WRONG = {
  type: ProblemDto,
  description:
    '`invalid_code`: it is wrong, or was used already; `invalid_token`: the `mfa_token` is not good any more, log in again',
};
const WRONG_OR_LOCKED = {
  type: ProblemDto,
  description: `${WRONG.description}; \`factor_locked\`: after a hundred wrong ones no code of an app is taken until another factor has completed a login`,
};
const CHANGE = { type: ProblemDto, description: '`password_change_required`, with a `changeToken`' };
const INCOMPLETE = { type: ProblemDto, description: 'A field is missing or not acceptable' };
const EXAMPLES = {
  app: { value: { mfa_token: 'psu_0FmCzqVvT6nJ…', code: '492039' } },
};
const RECOVERY_EXAMPLES = {
  'recovery code': { value: { mfa_token: 'psu_0FmCzqVvT6nJ…', code: 'k3f7-9m2q-x8vd-4tbn-6hzc-1prw' } },
};

/** The second step of a login that answered `mfa_required`. */
@ApiTags('Auth')
@Controller('v1/auth/mfa')
export class SecondStepController {
  constructor(
    private readonly steps: SecondStep,
    private readonly cookie: SessionCookie,
  ) {}

  @Post('totp')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Complete a login with the code of an authenticator app',
    description:
      'Each code works once. Ten failures lock this step for fifteen minutes; after a hundred in a row no code of an app is taken until another factor has completed a login.',
  })
  @ApiBody({ type: FactorCodeDto, examples: EXAMPLES })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiBadRequestResponse(INCOMPLETE)
  @ApiUnauthorizedResponse(WRONG_OR_LOCKED)
  @ApiForbiddenResponse(CHANGE)
  async totp(
    @Body() dto: FactorCodeDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const step = await this.admitted(dto, request);
    return this.cookie.handOver(await this.steps.withTotp(step, callerOf(request)), step.mode, request, reply);
  }

  @Post('recovery')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Complete a login with a recovery code, which it uses up',
    description: 'Counted together with the codes of authenticator apps.',
  })
  @ApiBody({ type: FactorCodeDto, examples: RECOVERY_EXAMPLES })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiBadRequestResponse(INCOMPLETE)
  @ApiUnauthorizedResponse(WRONG)
  @ApiForbiddenResponse(CHANGE)
  async recovery(
    @Body() dto: FactorCodeDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const step = await this.admitted(dto, request);
    return this.cookie.handOver(await this.steps.withRecoveryCode(step, callerOf(request)), step.mode, request, reply);
  }

  /** With the mode that holds for the whole login. @throws Problem 400, 403 `foreign_page` */
  private async admitted(dto: FactorCodeDto, request: FastifyRequest): Promise<FactorCodeDto> {
    const mode = await this.steps.modeOf(dto);
    this.cookie.requireFor(mode, request);
    if (mode) dto.mode = mode;
    return dto;
  }
}
