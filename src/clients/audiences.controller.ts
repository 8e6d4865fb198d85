import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiPreconditionFailedResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Requires } from '../common/access.js';
import { ETAG, IF_MATCH, STALE } from '../common/documentation.js';
import { etagOf } from '../common/etag.js';
import { PageQuery } from '../common/pagination.js';
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import { AudienceRecords, type AudienceWithKey } from './audience-records.js';
import { AudiencePipe } from './audience.pipe.js';
import {
  AudienceDto,
  AudiencePageDto,
  AudienceWithSecretDto,
  CreateAudienceDto,
  RotateAudienceSecretDto,
  UpdateAudienceDto,
} from './audiences.dto.js';
import { AudiencesService, type AudienceWithSecret } from './audiences.service.js';

const IDENTIFIER = { name: 'identifier', example: 'https://orders.example.org', description: 'Percent-encoded' };
const BAD_REQUEST = { type: ProblemDto, description: 'A field is not acceptable, or a secret is weak' };
const NOT_FOUND = { type: ProblemDto, description: 'There is no such audience' };
const SECRETS =
  'An HMAC secret can sign whatever its owner likes, so that making or giving one takes every permission.';

@ApiTags('Audiences')
@Controller('v1/audiences')
export class AudiencesController {
  constructor(
    private readonly audiences: AudiencesService,
    private readonly records: AudienceRecords,
  ) {}

  @Get()
  @Requires('clients:read')
  @ApiOperation({ summary: 'List the services that tokens are for, by identifier' })
  @ApiOkResponse({ type: AudiencePageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  async list(@Query() query: PageQuery): Promise<AudiencePageDto> {
    const { items, nextCursor } = await this.records.list(query);
    return { items: items.map(toDto), nextCursor };
  }

  @Get(':identifier')
  @Requires('clients:read')
  @ApiOperation({ summary: 'Read an audience' })
  @ApiParam(IDENTIFIER)
  @ApiOkResponse({ type: AudienceDto, headers: ETAG })
  @ApiNotFoundResponse(NOT_FOUND)
  async read(
    @Param('identifier', AudiencePipe) identifier: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AudienceDto> {
    return answer(reply, await this.records.read(identifier));
  }

  @Post()
  @Requires('clients:write')
  @ApiOperation({ summary: 'Register a service that tokens are for', description: SECRETS })
  @ApiCreatedResponse({ type: AudienceWithSecretDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiConflictResponse({ type: ProblemDto, description: 'There is such an audience already (`identifier_taken`)' })
  async create(
    @CurrentActor() actor: Actor,
    @Body() body: CreateAudienceDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AudienceWithSecretDto> {
    return answer(reply, await this.audiences.create(actor, body));
  }

  @Patch(':identifier')
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Change an audience; another algorithm ends every token for it',
    description: `You must hold what its clients hold when you change the algorithm. ${SECRETS}`,
  })
  @ApiParam(IDENTIFIER)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: AudienceWithSecretDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async update(
    @CurrentActor() actor: Actor,
    @Param('identifier', AudiencePipe) identifier: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: UpdateAudienceDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AudienceWithSecretDto> {
    return answer(reply, await this.audiences.update({ actor, identifier, ifMatch }, body));
  }

  @Post(':identifier/secret')
  @HttpCode(200)
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Give an audience another HMAC secret; tokens signed with the one before are good until they run out',
    description: SECRETS,
  })
  @ApiParam(IDENTIFIER)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: AudienceWithSecretDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse({ type: ProblemDto, description: 'Its algorithm has a key that all share (`no_secret`)' })
  @ApiPreconditionFailedResponse(STALE)
  async rotateSecret(
    @CurrentActor() actor: Actor,
    @Param('identifier', AudiencePipe) identifier: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { secret }: RotateAudienceSecretDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AudienceWithSecretDto> {
    return answer(reply, await this.audiences.rotateSecret({ actor, identifier, ifMatch }, secret));
  }

  @Delete(':identifier')
  @HttpCode(204)
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Delete an audience, with every token for it, and take it from its clients',
    description: 'You must hold what its clients hold.',
  })
  @ApiParam(IDENTIFIER)
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse()
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async delete(
    @CurrentActor() actor: Actor,
    @Param('identifier', AudiencePipe) identifier: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.audiences.delete({ actor, identifier, ifMatch });
  }
}

function answer(reply: FastifyReply, audience: AudienceWithSecret): AudienceWithSecretDto {
  reply.header('etag', etagOf(audience.version));
  return Object.assign(toDto(audience), audience.secret && { secret: audience.secret.toString('base64') });
}

function toDto(audience: AudienceWithKey): AudienceDto {
  const { identifier, algorithm, kid, tokenTtlSeconds, claims, createdAt, updatedAt } = audience;
  return { identifier, algorithm, ...(kid !== null && { kid }), tokenTtlSeconds, claims, createdAt, updatedAt };
}
