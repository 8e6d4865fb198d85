import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post } from '@nestjs/common';
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
import { Requires } from '../common/access.js';
import { IF_MATCH, STALE } from '../common/documentation.js';
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import { CLIENT_ID_PARAM, CLIENT_NOT_FOUND, HOLD } from './client-documentation.js';
import { ClientIdPipe } from './client-id.pipe.js';
import type { ClientSecret } from './client-secret.entity.js';
import { ClientSecrets } from './client-secrets.js';
import { ClientSecretDto, ClientSecretsDto, CreateClientSecretDto, NewClientSecretDto } from './clients.dto.js';
import { SecretIdPipe } from './secret-id.pipe.js';

const SECRET_ID = { name: 'secretId', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' };

@ApiTags('Clients')
@Controller('v1/clients/:clientId/secrets')
export class ClientSecretsController {
  constructor(private readonly secrets: ClientSecrets) {}

  @Get()
  @Requires('clients:read')
  @ApiOperation({ summary: 'List the valid secrets of a client, by name' })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiOkResponse({ type: ClientSecretsDto })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  async list(@Param('clientId', ClientIdPipe) clientId: string): Promise<ClientSecretsDto> {
    return { items: (await this.secrets.list(clientId)).map(toDto) };
  }

  @Post()
  @Requires('clients:write')
  @ApiOperation({
    summary: 'Give a client another secret, which is shown this once; its tokens end',
    description: `At most two are valid at a time. ${HOLD}`,
  })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiHeader(IF_MATCH)
  @ApiCreatedResponse({ type: NewClientSecretDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A field is not acceptable' })
  @ApiNotFoundResponse(CLIENT_NOT_FOUND)
  @ApiConflictResponse({ type: ProblemDto, description: 'It has two valid secrets already (`too_many_secrets`)' })
  @ApiPreconditionFailedResponse(STALE)
  async add(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { expiresPreviousInSeconds }: CreateClientSecretDto,
  ): Promise<NewClientSecretDto> {
    const secret = await this.secrets.add({ actor, clientId, ifMatch }, expiresPreviousInSeconds);
    return Object.assign(toDto(secret), { clientSecret: secret.text });
  }

  @Delete(':secretId')
  @HttpCode(204)
  @Requires('clients:write')
  @ApiOperation({ summary: 'Take a secret from a client; its tokens end', description: HOLD })
  @ApiParam(CLIENT_ID_PARAM)
  @ApiParam(SECRET_ID)
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ProblemDto, description: 'There is no such client, or it has no such valid secret' })
  @ApiPreconditionFailedResponse(STALE)
  async delete(
    @CurrentActor() actor: Actor,
    @Param('clientId', ClientIdPipe) clientId: string,
    @Param('secretId', SecretIdPipe) secretId: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.secrets.delete({ actor, clientId, ifMatch }, secretId);
  }
}

function toDto({ id, createdAt, expiresAt }: ClientSecret): ClientSecretDto {
  return { secretId: id, createdAt, expiresAt };
}
