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
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import { UserAdministration } from './user-administration.js';
import { UserDirectory } from './user-directory.js';
import { UserIdPipe } from './user-id.pipe.js';
import type { UserWithRoles } from './user-records.js';
import { CreateUserDto, UpdateUserDto, UserDto, UserPageDto, UserRolesDto, UsersQuery } from './users.dto.js';

const ID = { name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' };
const NOT_FOUND = { type: ProblemDto, description: 'There is no such user' };
const BAD_REQUEST = { type: ProblemDto, description: 'A field is not acceptable' };
const TAKEN = {
  type: ProblemDto,
  description:
    'The name or the address is taken (`username_taken`, `email_taken`), or was that of another user lately (`username_quarantined`, `email_quarantined`)',
};
const LAST_ADMIN = { type: ProblemDto, description: 'It is the last active admin (`last_admin`)' };

@ApiTags('Users')
@Controller('v1/users')
export class UsersController {
  constructor(
    private readonly directory: UserDirectory,
    private readonly administration: UserAdministration,
  ) {}

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'List users, oldest first, or search them by the start of name or address' })
  @ApiOkResponse({ type: UserPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A filter or the cursor is not acceptable' })
  async list(@Query() query: UsersQuery): Promise<UserPageDto> {
    const { items, nextCursor } = await this.directory.list(query);
    return { items: items.map(toDto), nextCursor };
  }

  @Post()
  @Requires('users:write')
  @ApiOperation({ summary: 'Create a user; one with a password can log in directly' })
  @ApiCreatedResponse({ type: UserDto, headers: ETAG })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A field is not acceptable, or a role does not exist' })
  @ApiConflictResponse(TAKEN)
  async create(
    @CurrentActor() actor: Actor,
    @Body() body: CreateUserDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserDto> {
    return answer(reply, await this.administration.create(actor, body));
  }

  @Get(':id')
  @Requires('users:read')
  @ApiOperation({ summary: 'Read a user' })
  @ApiParam(ID)
  @ApiOkResponse({ type: UserDto, headers: ETAG })
  @ApiNotFoundResponse(NOT_FOUND)
  async read(@Param('id', UserIdPipe) id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<UserDto> {
    return answer(reply, await this.directory.read(id));
  }

  @Patch(':id')
  @Requires('users:write')
  @ApiOperation({ summary: 'Change a user; a new password ends every session and token of theirs' })
  @ApiParam(ID)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: UserDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(TAKEN)
  @ApiPreconditionFailedResponse(STALE)
  async update(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: UpdateUserDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserDto> {
    return answer(reply, await this.administration.update({ actor, id, ifMatch }, body));
  }

  @Post(':id/disable')
  @HttpCode(200)
  @Requires('users:write')
  @ApiOperation({ summary: 'Disable a user; the very next request with a token of theirs is refused' })
  @ApiParam(ID)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: UserDto, headers: ETAG })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(LAST_ADMIN)
  @ApiPreconditionFailedResponse(STALE)
  async disable(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserDto> {
    return answer(reply, await this.administration.disable({ actor, id, ifMatch }));
  }

  @Post(':id/enable')
  @HttpCode(200)
  @Requires('users:write')
  @ApiOperation({ summary: 'Enable a user again; what was ended stays ended' })
  @ApiParam(ID)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: UserDto, headers: ETAG })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiPreconditionFailedResponse(STALE)
  async enable(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserDto> {
    return answer(reply, await this.administration.enable({ actor, id, ifMatch }));
  }

  @Put(':id/roles')
  @Requires('users:write')
  @ApiOperation({ summary: 'Replace the roles of a user; you must hold what they hold and what the roles hold' })
  @ApiParam(ID)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: UserDto, headers: ETAG })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A role does not exist' })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(LAST_ADMIN)
  @ApiPreconditionFailedResponse(STALE)
  async setRoles(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { roles }: UserRolesDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserDto> {
    return answer(reply, await this.administration.setRoles({ actor, id, ifMatch }, roles));
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('users:write')
  @ApiOperation({ summary: 'Delete a user, with every session and token of theirs' })
  @ApiParam(ID)
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse()
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(LAST_ADMIN)
  @ApiPreconditionFailedResponse(STALE)
  async delete(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.administration.delete({ actor, id, ifMatch });
  }
}

function answer(reply: FastifyReply, user: UserWithRoles): UserDto {
  reply.header('etag', etagOf(user.version));
  return toDto(user);
}

function toDto(user: UserWithRoles): UserDto {
  const { id, username, email, emailVerifiedAt, displayName, status, roles } = user;
  const { mustChangePassword, credentialsChangedAt, createdAt, updatedAt } = user;
  return {
    id,
    username,
    email,
    emailVerified: emailVerifiedAt !== null,
    displayName,
    status,
    roles,
    mustChangePassword,
    credentialsChangedAt,
    createdAt,
    updatedAt,
  };
}
