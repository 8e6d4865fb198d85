import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiForbiddenResponse,
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
import { CurrentActor, CurrentPrincipal, signedInUserOf, type Actor } from '../common/principal.js';
import { ProblemDto, notFound } from '../common/problem.js';
import { SessionPageDto } from '../sessions/sessions.dto.js';
import { SessionsService } from '../sessions/sessions.service.js';

const NOT_A_USER = {
  type: ProblemDto,
  description: '`not_a_user`: the token is that of a client; `not_a_session`: it was generated',
};

@ApiTags('Auth')
@Controller('v1/auth/sessions')
export class OwnSessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @Requires()
  @ApiOperation({ summary: 'List your sessions, newest first' })
  @ApiOkResponse({ type: SessionPageDto })
  @ApiForbiddenResponse(NOT_A_USER)
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  async list(@CurrentPrincipal() principal: Principal, @Query() { limit, cursor }: PageQuery): Promise<SessionPageDto> {
    const { items, nextCursor } = await this.sessions.listOf(
      signedInUserOf(principal),
      limit,
      decodeCursor(cursor, UUID),
    );
    return { items: items.map((session) => ({ ...session, current: session.id === principal.sessionId })), nextCursor };
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires()
  @ApiOperation({ summary: 'End one of your sessions' })
  @ApiParam({ name: 'id', format: 'uuid' })
  @ApiNoContentResponse({ description: 'It has ended, and with it its tokens' })
  @ApiForbiddenResponse(NOT_A_USER)
  @ApiNotFoundResponse({ type: ProblemDto, description: 'You have no such session' })
  async end(
    @Param('id') id: string,
    @CurrentPrincipal() principal: Principal,
    @CurrentActor() actor: Actor,
  ): Promise<void> {
    const userId = signedInUserOf(principal);
    const ended = UUID.test(id) && (await this.sessions.end(actor, id, 'ended_by_user', userId));
    if (!ended) throw notFound('session');
  }
}
