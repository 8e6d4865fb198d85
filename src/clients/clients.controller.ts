import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
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
import { ClientAdministration } from './client-administration.js';
import { ClientDirectory } from './client-directory.js';
import { CLIENT_ID_PARAM, CLIENT_NOT_FOUND, HOLD } from './client-documentation.js';
import { ClientIdPipe } from './client-id.pipe.js';
import type { ClientWithRights } from './client-records.js';
import {
  ClientAudiencesDto,
  ClientDto,
  ClientJwksDto,
  ClientPageDto,
  ClientPermissionsDto,
  CreateClientDto,
  CreatedClientDto,
  UpdateClientDto,
} from './clients.dto.js';

const BAD_REQUEST = { type: ProblemDto, description: 'A field is not acceptable' };

@ApiTags('Clients')
@Controller('v1/clients')
export class ClientsController {
  constructor(
    private readonly directory: ClientDirectory,
    private readonly administration: ClientAdministration,
  ) {}

  @Get()
  @Requires('clients:read')
  @ApiOperation({ summary: 'List clients, oldest first' })
  @ApiOkResponse({ type: ClientPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  async list(@Query() query: PageQuery): Promise<ClientPageDto> {
    const { items, nextCursor } = await this.directory.list(query);
    return { items: items.map(toDto), nextCursor };
  }

  @Post()
  @Requires('clients:write')
  @ApiOperation({ summary: 'Register a client with permissions that you hold yourself; its secret is shown this once' })
  @ApiCreatedResponse({ type: CreatedClientDto, headers: ETAG })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: 'A field is not acceptable, a permission or an audience does not exist, or a key is weak or private',
  })
  @ApiConflictResponse({ type: ProblemDto, description: 'There is such a client already (`client_id_taken`)' })
  async create(
    @CurrentActor() actor: Actor,
    @Body() body: CreateClientDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedClientDto> {
    const client = await this.administration.create(actor, body);
    const { secret } = client;
    return Object.assign(answer(reply, client), secret && { secretId: secret.id, clientSecret: secret.text });
  }

  @Get(':clientId')
  @Requires('clients:read')
  @ApiOperation({ summary: 'Read a client' })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  async read(
    @Param('clientId', ClientIdPipe) clientId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.directory.read(clientId));
  }

  @Patch(':clientId')
  @Requires('clients:write')
  @ApiOperation({ summary: 'Rename a client', description: HOLD })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async update(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { name }: UpdateClientDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.rename({ actor, clientId, ifMatch }, name));
  }

  @Post(':clientId/disable')
  @HttpCode(200)
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Disable a client; the very next request with a token of its is refused, or with one that it generated',
    description: HOLD,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async disable(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.disable({ actor, clientId, ifMatch }));
  }

  @Post(':clientId/enable')
  @HttpCode(200)
  @Requires('clients:write')
  @ApiOperation({ summary: 'Enable a client again; what was ended stays ended', description: HOLD })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async enable(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.enable({ actor, clientId, ifMatch }));
  }

  @Put(':clientId/permissions')
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Replace the permissions of a client; its tokens end when one is taken away',
    description: `${HOLD} And what you give it.`,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A permission does not exist' })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async setPermissions(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { permissions }: ClientPermissionsDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.setPermissions({ actor, clientId, ifMatch }, permissions));
  }

  @Put(':clientId/audiences')
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Replace the audiences that a client may have tokens for; its tokens end when one is taken away',
    description: HOLD,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'An audience does not exist' })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async setAudiences(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { audiences }: ClientAudiencesDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.setAudiences({ actor, clientId, ifMatch }, audiences));
  }

  @Put(':clientId/jwks')
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Replace the public keys by which a client may prove itself (`private_key_jwt`); its tokens end',
    description: `${HOLD} An empty list takes them all away.`,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: ClientDto, headers: ETAG })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A key is private, symmetric, weak or malformed' })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async setKeys(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { keys }: ClientJwksDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ClientDto> {
    return answer(reply, await this.administration.setKeys({ actor, clientId, ifMatch }, keys));
  }

  @Delete(':clientId')
  @HttpCode(204)
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Delete a client, with every token of its and those that it generated',
    description: HOLD,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse()
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async delete(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.administration.delete({ actor, clientId, ifMatch });
  }
}

function answer(reply: FastifyReply, client: ClientWithRights): ClientDto {
  reply.header('etag', etagOf(client.version));
  return toDto(client);
}

function toDto(client: ClientWithRights): ClientDto {
  const { clientId, name, status, permissions, audiences, jwks, createdAt, updatedAt } = client;
  return { clientId, name, status, permissions, audiences, jwks, createdAt, updatedAt };
}
