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
import { NamePipe } from './name.pipe.js';
import { CreateRoleDto, RoleDto, RolePageDto, RolePermissionsDto, UpdateRoleDto } from './roles.dto.js';
import { RolesService, type RoleWithPermissions } from './roles.service.js';

const NAME = { name: 'name', example: 'support', description: 'Percent-encoded' };
const BAD_REQUEST = { type: ProblemDto, description: 'A field is not acceptable, or a permission does not exist' };
const NOT_FOUND = { type: ProblemDto, description: 'There is no such role' };
const BUILT_IN = { type: ProblemDto, description: 'It is built in (`built_in`)' };

@ApiTags('Roles')
@Controller('v1/roles')
export class RolesController {
  constructor(private readonly roles: RolesService) {}

  @Get()
  @Requires('roles:read')
  @ApiOperation({ summary: 'List roles by name, with their permissions' })
  @ApiOkResponse({ type: RolePageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  async list(@Query() query: PageQuery): Promise<RolePageDto> {
    const { items, nextCursor } = await this.roles.list(query);
    return { items: items.map(toDto), nextCursor };
  }

  @Get(':name')
  @Requires('roles:read')
  @ApiOperation({ summary: 'Read a role' })
  @ApiParam(NAME)
  @ApiOkResponse({ type: RoleDto, headers: ETAG })
  @ApiNotFoundResponse(NOT_FOUND)
  async read(
    @Param('name', new NamePipe('role')) name: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RoleDto> {
    return answer(reply, await this.roles.read(name));
  }

  @Post()
  @Requires('roles:write')
  @ApiOperation({ summary: 'Create a role with permissions that you hold yourself' })
  @ApiCreatedResponse({ type: RoleDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiConflictResponse({ type: ProblemDto, description: 'There is such a role already (`name_taken`)' })
  async create(
    @CurrentActor() actor: Actor,
    @Body() body: CreateRoleDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RoleDto> {
    return answer(reply, await this.roles.create(actor, body));
  }

  @Patch(':name')
  @Requires('roles:write')
  @ApiOperation({ summary: 'Describe a role anew' })
  @ApiParam(NAME)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: RoleDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(BUILT_IN)
  @ApiPreconditionFailedResponse(STALE)
  async update(
    @CurrentActor() actor: Actor,
    @Param('name', new NamePipe('role')) name: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: UpdateRoleDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RoleDto> {
    return answer(reply, await this.roles.update(actor, name, body, ifMatch));
  }

  @Put(':name/permissions')
  @Requires('roles:write')
  @ApiOperation({ summary: 'Replace the permissions of a role; tokens lose at once what is taken away' })
  @ApiParam(NAME)
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: RoleDto, headers: ETAG })
  @ApiBadRequestResponse(BAD_REQUEST)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(BUILT_IN)
  @ApiPreconditionFailedResponse(STALE)
  async setPermissions(
    @CurrentActor() actor: Actor,
    @Param('name', new NamePipe('role')) name: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { permissions }: RolePermissionsDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RoleDto> {
    return answer(reply, await this.roles.setPermissions(actor, name, permissions, ifMatch));
  }

  @Delete(':name')
  @HttpCode(204)
  @Requires('roles:write')
  @ApiOperation({ summary: 'Delete a role, and take it from its members and their tokens' })
  @ApiParam(NAME)
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse()
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse(BUILT_IN)
  @ApiPreconditionFailedResponse(STALE)
  async delete(
    @CurrentActor() actor: Actor,
    @Param('name', new NamePipe('role')) name: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.roles.delete(actor, name, ifMatch);
  }
}

function answer(reply: FastifyReply, role: RoleWithPermissions): RoleDto {
  reply.header('etag', etagOf(role.version));
  return toDto(role);
}

function toDto({ name, description, builtIn, permissions, createdAt, updatedAt }: RoleWithPermissions): RoleDto {
  return { name, description, builtIn, permissions, createdAt, updatedAt };
}
