import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Requires } from '../../common/access.js';
import { CurrentActor, type Actor } from '../../common/principal.js';
import { ProblemDto } from '../../common/problem.js';
import { UserIdPipe } from '../../users/user-id.pipe.js';
import { MailsToUsers } from './mails-to-users.service.js';

const ID = { name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' };
const NOT_FOUND = { type: ProblemDto, description: 'There is no such user' };
const ON_ITS_WAY = { description: 'A mail is on its way' };

@ApiTags('Users')
@Controller('v1/users')
export class MailsToUsersController {
  constructor(private readonly mails: MailsToUsers) {}

  @Post(':id/invite')
  @HttpCode(202)
  @Requires('users:write')
  @ApiOperation({ summary: 'Mail a user who has no password yet a link to set one' })
  @ApiParam(ID)
  @ApiAcceptedResponse(ON_ITS_WAY)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse({
    type: ProblemDto,
    description: '`user_disabled`; `no_email`; `has_password`: they have one, which `/reset-password` replaces',
  })
  async invite(@CurrentActor() actor: Actor, @Param('id', UserIdPipe) id: string): Promise<void> {
    await this.mails.send('invitation', actor, id);
  }

  @Post(':id/reset-password')
  @HttpCode(202)
  @Requires('users:write')
  @ApiOperation({
    summary: 'Mail a user a link to set a new password',
    description: 'The present one is good until then. You must hold what they hold.',
  })
  @ApiParam(ID)
  @ApiAcceptedResponse(ON_ITS_WAY)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse({ type: ProblemDto, description: '`user_disabled`; `no_email`' })
  async resetPassword(@CurrentActor() actor: Actor, @Param('id', UserIdPipe) id: string): Promise<void> {
    await this.mails.send('password-reset', actor, id);
  }
}
