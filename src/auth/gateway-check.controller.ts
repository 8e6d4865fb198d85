import { All, Controller, Get, HttpCode, Inject, Req, Res, UseFilters } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ENV, type Env } from '../../config/env.js';
import { Public } from '../common/access.js';
import { ProblemDto, invalidFields, type FieldError } from '../common/problem.js';
import { GatewayAnswerFilter } from './gateway-answer.filter.js';
import { GatewayCheck } from './gateway-check.service.js';
import { readPathRequirements, readRequirements, type GatewayRequirements } from './gateway-requirements.js';

const DESCRIPTION = `For nginx \`auth_request\`, Caddy \`forward_auth\` and Traefik ForwardAuth. Takes the Bearer token of the request that the gateway received, and decides as the guard of this
service does: at this moment, on what every instance has committed. Each requirement may be named several times; all of them must be met. A
query that is not understood is answered 400, whatever the token: no gateway lets that pass.

For Envoy, which appends the client's own path and query and uses its method, requirements stand in the path instead:
\`/v1/auth/check/permission=orders:read&role=clerk/…\`, or \`/v1/auth/check/-/…\` for none, with any method. What follows that part is not looked at.`;

const CHALLENGE = { 'WWW-Authenticate': { schema: { type: 'string' as const } } };
const header = (description: string, example: string) => ({
  description,
  schema: { type: 'string' as const, example },
});
const several = (name: string, description: string, example: string) =>
  ApiQuery({ name, required: false, isArray: true, type: String, description, example: [example] });

/** Whether a gateway may let a request through. Public, since the token is not for a route of this service: it is what is asked about. */
@ApiTags('Auth')
@Controller('v1/auth')
@UseFilters(GatewayAnswerFilter)
export class GatewayCheckController {
  constructor(
    private readonly gateway: GatewayCheck,
    @Inject(ENV) private readonly env: Env,
  ) {}

  @Get('check')
  @HttpCode(200)
  @Public()
  @ApiBearerAuth('bearer')
  @ApiOperation({ summary: 'Decide for a gateway whether a request may pass', description: DESCRIPTION })
  @several('permission', 'A permission that the token must carry', 'orders:read')
  @several('role', 'A role that the token must carry', 'clerk')
  @several('audience', 'Whom the token must be for; the issuer, where none is named', 'https://orders.example.org')
  @ApiOkResponse({
    description: 'It may. Without a body',
    headers: {
      'X-Auth-Subject': header('The user, or the client', '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11'),
      'X-Auth-Client': header('The client that the token was issued to', 'portcullis'),
      'X-Auth-Roles': header('Separated by commas', 'clerk,auditor'),
      'X-Auth-Permissions': header('Separated by commas', 'orders:read,orders:write'),
    },
  })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The query is not understood' })
  @ApiUnauthorizedResponse({
    description: 'No token, or one that is refused (`invalid_token`). Without a body',
    headers: CHALLENGE,
  })
  @ApiForbiddenResponse({
    description: 'The token lacks what is required (`insufficient_scope`). Without a body',
    headers: CHALLENGE,
  })
  async check(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const [, query = ''] = /\?(.*)$/s.exec(request.url) ?? [];
    await this.answer(request, reply, readRequirements(query, this.env.issuer));
  }

  // OpenAPI has no words for "any method" and "any path below": the description above tells of it.
  @All('check/*')
  @HttpCode(200)
  @Public()
  @ApiExcludeEndpoint()
  async checkPath(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    // As it was sent: what comes after the first part is the client's, and nothing in it must pass for a requirement.
    const [, segment = ''] = /^(?:[^/?]*:\/\/[^/?]*)?\/v1\/auth\/check\/([^/?#]*)/.exec(request.url) ?? [];
    await this.answer(request, reply, readPathRequirements(segment, this.env.issuer));
  }

  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    required: GatewayRequirements | FieldError[],
  ): Promise<void> {
    if (Array.isArray(required)) {
      request.log.warn({ mistakes: required }, 'a gateway asks for what is not understood');
      throw invalidFields(required);
    }
    void reply.headers({ ...(await this.gateway.check(request, required)) });
  }
}
