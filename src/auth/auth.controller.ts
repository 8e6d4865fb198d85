import { Body, Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiExtraModels,
  ApiForbiddenResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { bearerOf, type Principal } from '@portcullis/verifier';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OptionalToken, Public, Requires } from '../common/access.js';
import { Limited } from '../common/limited.js';
import { CurrentActor, CurrentPrincipal, signedInUserOf, userOf, type Actor } from '../common/principal.js';
import { Problem, ProblemDto, invalidFields, tokenRequired } from '../common/problem.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import {
  ChangePasswordDto,
  FactorRequiredDto,
  LoginDto,
  LogoutDto,
  MeDto,
  RefreshDto,
  TokenPairDto,
} from './auth.dto.js';
import { LoginService } from './login.service.js';
import { callerOf } from './password-check.js';
import { PasswordChangeService, type ChangeRight } from './password-change.service.js';
import { RefreshService, isInvalidGrant } from './refresh.service.js';
import { SessionCookie } from './session-cookie.js';

const LOGIN_EXAMPLES = {
  'by name': { value: { username: 'admin', password: 'correct horse battery staple' } },
  'by e-mail': { value: { email: 'alice@example.org', password: 'correct horse battery staple' } },
};

const CHANGE_EXAMPLES = {
  'in a session': {
    value: { currentPassword: 'correct horse battery staple', newPassword: 'violet otters juggle lanterns' },
  },
  'when a login asks for it': {
    value: { changeToken: 'eyJhbGciOiJIUzI1NiIs…', newPassword: 'violet otters juggle lanterns' },
  },
};

const NOT_A_USER = { type: ProblemDto, description: '`not_a_user`: the token is that of a client' };
const NOT_SIGNED_IN = {
  type: ProblemDto,
  description: '`not_a_user`: the token is that of a client; `not_a_session`: it was generated',
};

const FOREIGN_PAGE = {
  type: ProblemDto,
  description: '`foreign_page`: the cookie was sent by a page that is not of the issuer',
};

const LOGIN_ANSWER = {
  description: 'Tokens; or, where the user has a second factor, what it is to be sent with',
  schema: { oneOf: [{ $ref: getSchemaPath(TokenPairDto) }, { $ref: getSchemaPath(FactorRequiredDto) }] },
};
const STEP_REQUIRED = {
  type: ProblemDto,
  description:
    '`password_change_required`, with a `changeToken`; `factor_enrolment_required`, with an `enrolmentToken`',
};

@ApiTags('Auth')
@ApiExtraModels(TokenPairDto, FactorRequiredDto)
@Controller('v1/auth')
export class AuthController {
  constructor(
    private readonly logins: LoginService,
    private readonly refreshes: RefreshService,
    private readonly passwords: PasswordChangeService,
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly cookie: SessionCookie,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Log in: get an access and a refresh token',
    description:
      'With `username` (which may hold an e-mail address) or `email`. Users with a second factor complete it at `/v1/auth/mfa/…`.',
  })
  @ApiBody({ type: LoginDto, examples: LOGIN_EXAMPLES })
  @ApiOkResponse(LOGIN_ANSWER)
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A field is missing or not acceptable' })
  @ApiUnauthorizedResponse({ type: ProblemDto, description: '`invalid_credentials`, whatever the cause' })
  @ApiForbiddenResponse(STEP_REQUIRED)
  async login(
    @Body() dto: LoginDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    this.cookie.requireFor(dto.mode, request);
    return this.cookie.handOver(await this.logins.login(dto, callerOf(request)), dto.mode, request, reply);
  }

  @Post('refresh')
  @HttpCode(200)
  @Public()
  @Limited('refresh')
  @ApiOperation({
    summary: 'Exchange a refresh token for new tokens',
    description:
      'Each refresh token works once; used again within a short grace window it gives the same successor, later it ends the session. An `audience` holds for this access token alone: the session keeps its own. A browser that keeps its refresh token in the cookie sends no `refresh_token`; its page must be of the issuer.',
  })
  @ApiOkResponse({ type: TokenPairDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'No refresh token was given, or an audience is not known' })
  @ApiUnauthorizedResponse({ type: ProblemDto, description: '`invalid_grant`: log in again' })
  @ApiForbiddenResponse(FOREIGN_PAGE)
  async refresh(
    @Body() { refresh_token: given, audience }: RefreshDto,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto> {
    const kept = given === undefined ? this.cookie.read(request) : null;
    const refreshToken = given ?? kept;
    if (refreshToken === null) throw invalidFields([{ field: 'refresh_token', message: 'is required' }]);
    const answer = await this.refreshes.refresh(refreshToken, audience, actor).catch(async (error: unknown) => {
      // A session that lives on, and gives nothing for now (a role asks for a second factor), may be refreshed later.
      if (kept !== null && isInvalidGrant(error) && !(await this.sessions.isLive(kept))) this.cookie.clear(reply);
      throw error;
    });
    return this.cookie.hand(answer, kept === null ? 'body' : 'cookie', reply);
  }

  @Post('logout')
  @HttpCode(204)
  @OptionalToken()
  @Limited('refresh')
  @ApiOperation({
    summary: 'End one session: that of the refresh token given, else those of the cookie and of the Bearer token',
  })
  @ApiNoContentResponse({ description: 'The session has ended, and with it its tokens' })
  @ApiForbiddenResponse({
    type: ProblemDto,
    description: '`not_a_session`: the token came from no login; `foreign_page`',
  })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The body is not acceptable' })
  async logout(
    @Body() dto: LogoutDto,
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const kept = dto.refresh_token === undefined ? this.cookie.read(request) : null;
    if (kept !== null) {
      const sessionId = this.sessions.sessionOf(kept);
      if (sessionId !== null) await this.sessions.end(actor, sessionId, 'logout');
      this.cookie.clear(reply);
      if (!request.principal?.sessionId) return;
    }
    if (dto.refresh_token !== undefined) {
      // Having it is right enough, and one that is not ours ends nothing: as in RFC 7009 section 2.2 the answer is the same.
      const sessionId = this.sessions.sessionOf(dto.refresh_token);
      if (sessionId !== null) await this.sessions.end(actor, sessionId, 'logout');
      if (sessionId !== null || !request.principal) return;
    }
    const { principal } = request;
    if (!principal) throw request.refuse?.() ?? tokenRequired();
    if (principal.sessionId === null)
      throw new Problem(403, 'not_a_session', 'There is no session to end: this token came from no login.');
    await this.sessions.end(actor, principal.sessionId, 'logout');
  }

  @Post('logout-all')
  @HttpCode(204)
  @Requires()
  @ApiOperation({
    summary: 'End all of your sessions',
    description: 'A change of the address that waits to be confirmed is off.',
  })
  @ApiForbiddenResponse(NOT_SIGNED_IN)
  @ApiNoContentResponse({ description: 'All of them have ended, and with them their tokens' })
  async logoutAll(@CurrentPrincipal() principal: Principal, @CurrentActor() actor: Actor): Promise<void> {
    await this.sessions.endAll(actor, signedInUserOf(principal), 'logout_all');
  }

  @Get('me')
  @Requires()
  @ApiOperation({ summary: 'Read who you are and what you may do' })
  @ApiForbiddenResponse(NOT_A_USER)
  @ApiOkResponse({ type: MeDto })
  async me(@CurrentPrincipal() principal: Principal): Promise<MeDto> {
    const { id, username, email, emailVerifiedAt, displayName, status, credentialsChangedAt } =
      await this.users.profile(userOf(principal));
    return {
      id,
      username,
      email,
      emailVerified: emailVerifiedAt !== null,
      displayName,
      status,
      roles: [...principal.roles],
      permissions: [...principal.permissions],
      sessionId: principal.sessionId,
      credentialsChangedAt,
    };
  }

  @Post('password/change')
  @HttpCode(200)
  @OptionalToken()
  @Limited('attempts', 'credentials')
  @ApiOperation({
    summary: 'Change your password',
    description:
      'Ends all of your sessions and answers with a new token pair. Needs a Bearer token and the current password; or, after a login that answered `password_change_required`, its `changeToken`, as the Bearer token or in the body.',
  })
  @ApiBody({ type: ChangePasswordDto, examples: CHANGE_EXAMPLES })
  @ApiOkResponse(LOGIN_ANSWER)
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: 'The new password is not acceptable, or the current one is missing',
  })
  @ApiForbiddenResponse({
    type: ProblemDto,
    description:
      '`not_a_user`: the token is that of a client; `factor_enrolment_required`: the password was changed, and a second factor must be set up next',
  })
  @ApiConflictResponse({ type: ProblemDto, description: '`credentials_changed`: they were changed meanwhile' })
  async changePassword(
    @Body() dto: ChangePasswordDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenPairDto | FactorRequiredDto> {
    const right = changeRightOf(dto, request);
    const mode = this.passwords.modeOf(right, dto.mode);
    this.cookie.requireFor(mode, request);
    if (mode) dto.mode = mode;
    const answer = await this.passwords.change(right, dto, callerOf(request));
    return this.cookie.hand(answer, mode, reply);
  }
}

/** The session where there is one; else the change token from the body, or from the header that the guard could make nothing of. */
function changeRightOf(dto: ChangePasswordDto, request: FastifyRequest): ChangeRight {
  const { principal } = request;
  if (dto.changeToken !== undefined) return { changeToken: dto.changeToken };
  if (principal) {
    const { audience, authTime } = principal;
    return {
      userId: userOf(principal),
      audience: [...audience],
      amr: [...new Set(['pwd', ...principal.amr])],
      authTime,
    };
  }
  const bearer = bearerOf(request.raw);
  if (typeof bearer !== 'object') throw request.refuse?.() ?? tokenRequired();
  return { changeToken: bearer.token, ...(request.refuse && { refuse: request.refuse }) };
}
