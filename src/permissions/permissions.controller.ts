import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Requires } from '../common/access.js';
import { PageQuery } from '../common/pagination.js';
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import { NamePipe } from './name.pipe.js';
import { PermissionCatalogue } from './permission-catalogue.js';
import { CreatePermissionDto, PermissionDto, PermissionPageDto } from './permissions.dto.js';

@ApiTags('Permissions')
@Controller('v1/permissions')
export class PermissionsController {
  constructor(private readonly catalogue: PermissionCatalogue) {}

  @Get()
  @Requires('roles:read')
  @ApiOperation({ summary: 'List permissions by name' })
  @ApiOkResponse({ type: PermissionPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  list(@Query() query: PageQuery): Promise<PermissionPageDto> {
    return this.catalogue.list(query);
  }

  @Post()
  @Requires('roles:write')
  @ApiOperation({ summary: "Add a permission for a team's own services; the role `admin` holds it at once" })
  @ApiCreatedResponse({ type: PermissionDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'A field is not acceptable' })
  @ApiConflictResponse({ type: ProblemDto, description: 'There is such a permission already (`name_taken`)' })
  create(@CurrentActor() actor: Actor, @Body() body: CreatePermissionDto): Promise<PermissionDto> {
    return this.catalogue.create(actor, body);
  }

  @Delete(':name')
  @HttpCode(204)
  @Requires('roles:write')
  @ApiOperation({ summary: 'Delete a permission, and take it from every role and from the tokens of their members' })
  @ApiParam({ name: 'name', example: 'billing:read', description: 'Percent-encoded' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ProblemDto, description: 'There is no such permission' })
  @ApiConflictResponse({ type: ProblemDto, description: 'It is built in (`built_in`)' })
  async delete(@CurrentActor() actor: Actor, @Param('name', new NamePipe('permission')) name: string): Promise<void> {
    await this.catalogue.delete(actor, name);
  }
}
