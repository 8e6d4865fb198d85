import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import {
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Requires } from '../../common/access.js';
import { UUID } from '../../common/pagination.js';
import { CurrentActor, type Actor } from '../../common/principal.js';
import { ProblemDto, notFound } from '../../common/problem.js';
import { FactorReset } from './factor-reset.service.js';
import { FactorsDto } from './mfa.dto.js';

const USER = { name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' };
const NO_USER = { type: ProblemDto, description: 'There is no such user' };

@ApiTags('Users')
@Controller('v1/users')
export class UserFactorsController {
  constructor(private readonly resets: FactorReset) {}

  @Get(':id/factors')
  @Requires('users:write')
  @ApiOperation({
    summary: 'List the second factors of a user, who must hold no more than you',
    description:
      'What there is and when it was used, to be compared with what its owner says before anything is taken away.',
  })
  @ApiParam(USER)
  @ApiOkResponse({ type: FactorsDto })
  @ApiNotFoundResponse(NO_USER)
  async list(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<FactorsDto> {
    if (!UUID.test(id)) throw notFound('user');
    return this.resets.list(actor, id);
  }

  @Delete(':id/factors')
  @HttpCode(204)
  @Requires('users:write')
  @ApiOperation({
    summary: 'Take all second factors of a user away, who has lost them',
    description:
      'Ends every session and token of theirs. Make sure first who asks for it: from then on the password alone opens the account, unless a role needs a second factor.',
  })
  @ApiParam(USER)
  @ApiNoContentResponse({ description: 'There is none, or not any more' })
  @ApiNotFoundResponse(NO_USER)
  async reset(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<void> {
    if (!UUID.test(id)) throw notFound('user');
    await this.resets.reset(actor, id);
  }
}
