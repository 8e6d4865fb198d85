import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiNotFoundResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Requires } from '../../common/access.js';
import { UUID } from '../../common/pagination.js';
import { CurrentActor, type Actor } from '../../common/principal.js';
import { ProblemDto, notFound } from '../../common/problem.js';
import { FactorReset } from './factor-reset.service.js';

@ApiTags('Users')
@Controller('v1/users')
export class UserFactorsController {
  constructor(private readonly resets: FactorReset) {}

  @Delete(':id/factors')
  @HttpCode(204)
  @Requires('users:write')
  @ApiOperation({
    summary: 'Take all second factors of a user away, who has lost them',
    description:
      'Ends every session and token of theirs. Make sure first who asks for it: from then on the password alone opens the account, unless a role needs a second factor.',
  })
  @ApiParam({ name: 'id', format: 'uuid', example: '0198c5a0-6a54-7cc0-b0a4-4f3f4f1c8a11' })
  @ApiNoContentResponse({ description: 'There is none, or not any more' })
  @ApiNotFoundResponse({ type: ProblemDto, description: 'There is no such user' })
  async reset(@Param('id') id: string, @CurrentActor() actor: Actor): Promise<void> {
    if (!UUID.test(id)) throw notFound('user');
    await this.resets.reset(actor, id);
  }
}
