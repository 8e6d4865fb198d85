import { Body, Controller, Delete, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiForbiddenResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { Principal } from '@portcullis/verifier';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OptionalToken, Requires } from '../../common/access.js';
import { Limited } from '../../common/limited.js';
import { FRESH_LOGIN } from '../../common/login-requirement.js';
import { UUID } from '../../common/pagination.js';
import { CurrentPrincipal } from '../../common/principal.js';
import { ProblemDto, notFound, tokenRequired } from '../../common/problem.js';
import { PermissionsGuard } from '../../permissions/permissions.guard.js';
import { TokenPairDto } from '../auth.dto.js';
import { callerOf } from '../password-check.js';
import { SessionCookie, type TokenMode } from '../session-cookie.js';
import { Enrolment, type EnrolmentRight } from './enrolment.service.js';
import { FactorSetup } from './factor-setup.service.js';
import { ConfirmPasskeyDto, PasskeySetupDto } from './passkey.dto.js';
import {
  ConfirmTotpDto,
  EnrolledDto,
  FactorsDto,
  RecoveryCodesDto,
  StartEnrolmentDto,
  TotpSetupDto,
} from './mfa.dto.js';

const NOT_SIGNED_IN = {
  type: ProblemDto,
  description:
    '`not_a_user`: the token is that of a client; `not_a_session`: it was generated; `foreign_page`: the cookie is for pages of the issuer',
};
const FOREIGN_PAGE = { type: ProblemDto, description: '`foreign_page`: the cookie is for pages of the issuer' };
const START_EXAMPLES = {
  'in a session': { value: {} },
  'when a login asks for it': { value: { enrolmentToken: 'psu_0FmCzqVvT6nJ…' } },
};
const CONFIRM_EXAMPLES = {
  'with a name': { value: { setupToken: 'psu_5n0Zb8oQy1xK…', code: '492039', name: 'my phone' } },
};

@ApiTags('Auth')
@Controller('v1/auth/mfa')
export class OwnFactorsController {
  constructor(
    private readonly enrolment: Enrolment,
    private readonly setups: FactorSetup,
    private readonly permissions: PermissionsGuard,
    private readonly cookie: SessionCookie,
  ) {}

  @Get('factors')
  @Requires()
  @ApiOperation({ summary: 'List your second factors' })
  @ApiOkResponse({ type: FactorsDto })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  list(@CurrentPrincipal() principal: Principal): Promise<FactorsDto> {
    return this.enrolment.list(principal);
  }

  @Post('totp/start')
  @HttpCode(200)
  @OptionalToken()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Set up an authenticator app: get the secret for it',
    description:
      'Needs a Bearer token of a login not older than five minutes; or, after a login that answered `factor_enrolment_required`, its `enrolmentToken`.',
  })
  @ApiBody({ type: StartEnrolmentDto, examples: START_EXAMPLES })
  @ApiOkResponse({ type: TotpSetupDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The body is not acceptable' })
  @ApiUnauthorizedResponse({
    type: ProblemDto,
    description: '`insufficient_user_authentication`: log in again; `invalid_token`; `token_required`',
  })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  startTotp(@Body() dto: StartEnrolmentDto, @Req() request: FastifyRequest): Promise<TotpSetupDto> {
    return this.setups.startTotp(this.rightOf(dto, request));
  }

  @Post('totp/confirm')
  @HttpCode(200)
  @OptionalToken()
  @Limited('attempts', 'credentials')
  @ApiOperation({
    summary: 'Finish the setup of an authenticator app with its first code',
    description:
      'Ends all of your sessions and answers with a new token pair; with the first factor come ten recovery codes, shown this once. A setup begun in a session is finished with its Bearer token.',
  })
  @ApiBody({ type: ConfirmTotpDto, examples: CONFIRM_EXAMPLES })
  @ApiOkResponse({ type: EnrolledDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The code is wrong, or a field is not acceptable' })
  @ApiUnauthorizedResponse({ type: ProblemDto, description: '`invalid_token`: the setup token is not good any more' })
  @ApiForbiddenResponse(FOREIGN_PAGE)
  @ApiConflictResponse({ type: ProblemDto, description: '`too_many_factors`' })
  async confirmTotp(
    @Body() dto: ConfirmTotpDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EnrolledDto> {
    const mode = await this.setups.modeOfTotp(dto);
    this.cookie.requireFor(mode, request);
    const enrolled = await this.setups.confirmTotp(dto, request.principal, callerOf(request));
    return this.cookie.hand(enrolled, mode, reply);
  }

  @Post('passkey/start')
  @HttpCode(200)
  @OptionalToken()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Set up a passkey: get what the browser makes it by',
    description: 'By the same right as an authenticator app.',
  })
  @ApiBody({ type: StartEnrolmentDto, examples: START_EXAMPLES })
  @ApiOkResponse({ type: PasskeySetupDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The body is not acceptable' })
  @ApiUnauthorizedResponse({
    type: ProblemDto,
    description: '`insufficient_user_authentication`: log in again; `invalid_token`; `token_required`',
  })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  startPasskey(@Body() dto: StartEnrolmentDto, @Req() request: FastifyRequest): Promise<PasskeySetupDto> {
    return this.setups.startPasskey(this.rightOf(dto, request));
  }

  @Post('passkey/confirm')
  @HttpCode(200)
  @OptionalToken()
  @Limited('attempts', 'credentials')
  @ApiOperation({
    summary: 'Finish the setup of a passkey with what the browser made',
    description:
      'Ends all of your sessions and answers with a new token pair; with the first factor come ten recovery codes, shown this once. A setup begun in a session is finished with its Bearer token.',
  })
  @ApiOkResponse({ type: EnrolledDto })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: 'It is not what was asked for, or a field is not acceptable',
  })
  @ApiUnauthorizedResponse({ type: ProblemDto, description: '`invalid_token`: the challenge is not good any more' })
  @ApiForbiddenResponse(FOREIGN_PAGE)
  @ApiConflictResponse({ type: ProblemDto, description: '`too_many_factors`; `passkey_taken`' })
  async confirmPasskey(
    @Body() dto: ConfirmPasskeyDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EnrolledDto> {
    const mode = await this.setups.modeOfPasskey(dto);
    this.cookie.requireFor(mode, request);
    const enrolled = await this.setups.confirmPasskey(dto, request.principal, callerOf(request));
    return this.cookie.hand(enrolled, mode, reply);
  }

  @Post('recovery-codes')
  @HttpCode(200)
  @Requires(FRESH_LOGIN)
  @Limited('api', 'credentials')
  @ApiOperation({
    summary: 'Get ten new recovery codes; those from before are worth nothing any more',
    description: 'Ends all of your sessions and answers with a new token pair.',
  })
  @ApiOkResponse({ type: RecoveryCodesDto })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  @ApiConflictResponse({ type: ProblemDto, description: '`no_factor`: there is none that they could replace' })
  async renewRecoveryCodes(
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RecoveryCodesDto> {
    const mode = this.modeOf(request);
    return this.cookie.hand(await this.enrolment.renewRecoveryCodes(principal, callerOf(request)), mode, reply);
  }

  @Delete('factors/:id')
  @HttpCode(200)
  @Requires(FRESH_LOGIN)
  @Limited('api', 'credentials')
  @ApiOperation({
    summary: 'Remove one of your second factors; with the last one the recovery codes go',
    description: 'Ends all of your sessions and answers with a new token pair.',
  })
  @ApiParam({ name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  @ApiNotFoundResponse({ type: ProblemDto, description: 'You have no such factor' })
  @ApiConflictResponse({ type: ProblemDto, description: '`factor_required`: a role of yours needs one' })
  async remove(
    @Param('id') id: string,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto> {
    if (!UUID.test(id)) throw notFound('factor');
    const mode = this.modeOf(request);
    return this.cookie.hand(await this.enrolment.remove(principal, id, callerOf(request)), mode, reply);
  }

  /** Whoever keeps the refresh token in the cookie gets the next one there. @throws Problem 403 `foreign_page` */
  private modeOf(request: FastifyRequest): TokenMode {
    return this.cookie.read(request) === null ? 'body' : 'cookie';
  }

  /** The enrolment token where there is one; else a session that has just begun. */
  private rightOf({ enrolmentToken }: StartEnrolmentDto, request: FastifyRequest): EnrolmentRight {
    if (enrolmentToken !== undefined) return { enrolmentToken };
    const { principal } = request;
    if (!principal) throw request.refuse?.() ?? tokenRequired();
    this.permissions.requireLogin(FRESH_LOGIN, principal);
    return { principal };
  }
}
