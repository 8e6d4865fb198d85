import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { Principal } from '@portcullis/verifier';
import { Requires } from '../common/access.js';
import { PageQuery, UUID, decodeCursor } from '../common/pagination.js';
import { CurrentActor, CurrentPrincipal, type Actor } from '../common/principal.js';
import { ProblemDto, notFound } from '../common/problem.js';
import { SessionPageDto } from '../sessions/sessions.dto.js';
import { UserIdPipe } from './user-id.pipe.js';
import { UserSessions } from './user-sessions.service.js';

const USER = { name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' };
const SESSION = { name: 'sessionId', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a12' };
const NO_USER = { type: ProblemDto, description: 'There is no such user' };

@ApiTags('Users')
@Controller('v1/users/:id/sessions')
export class UserSessionsController {
  constructor(private readonly sessions: UserSessions) {}

  @Get()
  @Requires('sessions:read')
  @ApiOperation({ summary: 'List the live sessions of a user, newest first' })
  @ApiParam(USER)
  @ApiOkResponse({ type: SessionPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  @ApiNotFoundResponse(NO_USER)
  async list(
    @CurrentPrincipal() principal: Principal,
    @Param('id', UserIdPipe) id: string,
    @Query() { limit, cursor }: PageQuery,
  ): Promise<SessionPageDto> {
    const { items, nextCursor } = await this.sessions.list(id, limit, decodeCursor(cursor, UUID));
    return { items: items.map((session) => ({ ...session, current: session.id === principal.sessionId })), nextCursor };
  }

  @Delete()
  @HttpCode(204)
  @Requires('sessions:write')
  @ApiOperation({
    summary: 'End all sessions of a user, who must hold no more than you',
    description: 'A change of their address that waits to be confirmed is off.',
  })
  @ApiParam(USER)
  @ApiNoContentResponse({ description: 'All of them have ended, and with them their tokens' })
  @ApiNotFoundResponse(NO_USER)
  async endAll(@CurrentActor() actor: Actor, @Param('id', UserIdPipe) id: string): Promise<void> {
    await this.sessions.endAll(actor, id);
  }

  @Delete(':sessionId')
  @HttpCode(204)
  @Requires('sessions:write')
  @ApiOperation({ summary: 'End a session of a user, who must hold no more than you' })
  @ApiParam(USER)
  @ApiParam(SESSION)
  @ApiNoContentResponse({ description: 'It has ended, and with it its tokens' })
  @ApiNotFoundResponse({ type: ProblemDto, description: 'There is no such user, or no such session of theirs' })
  async end(
    @CurrentActor() actor: Actor,
    @Param('id', UserIdPipe) id: string,
    @Param('sessionId') sessionId: string,
  ): Promise<void> {
    const ended = UUID.test(sessionId) && (await this.sessions.end(actor, id, sessionId));
    if (!ended) throw notFound('session');
  }
}
