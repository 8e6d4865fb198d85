import { Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBasicAuth,
  ApiBody,
  ApiConsumes,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OptionalToken, Public } from '../../common/access.js';
import { Limited } from '../../common/limited.js';
import { OAuthErrorDto } from '../../common/oauth-error.js';
import { IntrospectionService } from './introspection.service.js';
import { IntrospectionDto, TokenAnswerDto, TokenQuestionDto, TokenRequestDto } from './oauth.dto.js';
import { Parameters } from './parameters.js';
import { RevocationService } from './revocation.service.js';
import { TokenEndpoint, type TokenAnswer } from './token-endpoint.service.js';

const FORM = 'application/x-www-form-urlencoded';

const TOKEN_EXAMPLES = {
  'a client, for all that it holds': { value: { grant_type: 'client_credentials' } },
  'a client, for one service': {
    value: {
      grant_type: 'client_credentials',
      scope: 'orders:read',
      resource: ['https://orders.example.org'],
      client_id: 'order-service',
      client_secret: 'kq3yJ6b1VvO3q1c0mX9tZ7sK2nD8wR4uF5hG6jL1aQE',
    },
  },
  'a session of a person': {
    value: { grant_type: 'refresh_token', refresh_token: 'prt_AZjFoGpUfMCwpE8_TxyKEQAAAAB2…' },
  },
};

const BAD_REQUEST = { type: OAuthErrorDto, description: '`invalid_request`: a parameter is missing or there twice' };
const UNAUTHORIZED = {
  type: OAuthErrorDto,
  description: '`invalid_client`, whatever the cause; `invalid_token` for a Bearer token that is refused',
};

/** Bodies are forms, and errors are those of RFC 6749. A client proves itself by `Authorization: Basic`, or in the body. */
@ApiTags('OAuth')
@Controller('oauth')
export class OAuthController {
  constructor(
    private readonly tokens: TokenEndpoint,
    private readonly introspection: IntrospectionService,
    private readonly revocation: RevocationService,
  ) {}

  @Post('token')
  @HttpCode(200)
  @Public()
  @Limited()
  @ApiBasicAuth('client')
  @Header('pragma', 'no-cache')
  @ApiOperation({
    summary: 'Get a token: for a client, or in exchange for a refresh token (RFC 6749)',
    description:
      'Grants are `client_credentials` and `refresh_token`. Clients prove themselves by `client_secret_basic`, `client_secret_post` or `private_key_jwt`. Without `resource` a token of a client is for this service itself.',
  })
  @ApiConsumes(FORM)
  @ApiBody({ type: TokenRequestDto, examples: TOKEN_EXAMPLES })
  @ApiOkResponse({ type: TokenAnswerDto })
  @ApiBadRequestResponse({
    type: OAuthErrorDto,
    description: '`invalid_request`, `invalid_grant`, `invalid_scope`, `invalid_target`, `unsupported_grant_type`',
  })
  @ApiUnauthorizedResponse({ type: OAuthErrorDto, description: '`invalid_client`, whatever the cause' })
  token(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<TokenAnswer> {
    return this.tokens.grant(Parameters.of(request.body), request, reply);
  }

  @Post('introspect')
  @HttpCode(200)
  @ApiBasicAuth('client')
  @Header('pragma', 'no-cache')
  @ApiOperation({
    summary: 'Ask whether a token is active, and what it says (RFC 7662)',
    description:
      'For clients, about tokens for their audiences; with `tokens:introspect`, about every token. What is none of the caller’s business is not active.',
  })
  @ApiConsumes(FORM)
  @ApiBody({ type: TokenQuestionDto })
  @ApiOkResponse({ type: IntrospectionDto })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiUnauthorizedResponse(UNAUTHORIZED)
  @ApiForbiddenResponse({ type: OAuthErrorDto, description: '`insufficient_scope`: without `tokens:introspect`' })
  @OptionalToken()
  @Limited()
  introspect(@Req() request: FastifyRequest): Promise<IntrospectionDto> {
    return this.introspection.introspect(Parameters.of(request.body), request);
  }

  @Post('revoke')
  @HttpCode(200)
  @ApiBasicAuth('client')
  @Header('pragma', 'no-cache')
  @ApiOperation({
    summary: 'Take back an access token, or end the session of a refresh token (RFC 7009)',
    description:
      'For clients, their own tokens; for people, those of their session; with `tokens:revoke`, others too. The token is refused from the moment this answers, at every instance. What is no token, or none any more, is no error.',
  })
  @ApiConsumes(FORM)
  @ApiBody({ type: TokenQuestionDto })
  @ApiOkResponse({ description: 'The token is not accepted, or not any more' })
  @ApiBadRequestResponse({
    type: OAuthErrorDto,
    description: '`invalid_request`; `unauthorized_client`: the token was issued to another client',
  })
  @ApiUnauthorizedResponse(UNAUTHORIZED)
  @ApiForbiddenResponse({
    type: OAuthErrorDto,
    description: '`insufficient_scope`: without `tokens:revoke`, or of someone who holds more',
  })
  @OptionalToken()
  @Limited()
  revoke(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    return this.revocation.revoke(Parameters.of(request.body), request, reply);
  }
}
