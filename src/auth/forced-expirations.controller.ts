import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBadRequestResponse, ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Requires } from '../common/access.js';
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import { ForceExpirationDto, ForcedExpirationDto } from './forced-expirations.dto.js';
import { ForcedExpirationsService } from './forced-expirations.service.js';

@ApiTags('Validity')
@Controller('v1/forced-expirations')
export class ForcedExpirationsController {
  constructor(private readonly expirations: ForcedExpirationsService) {}

  @Post()
  @HttpCode(200)
  @Requires('validity:write')
  @ApiOperation({
    summary: 'End all tokens of a scope at once',
    description:
      'Every token of the scope is refused from the moment this answers, at every instance. The scope `role` strips: requests that need the role or its permissions get 401, others pass. With `dryRun` it only counts.',
  })
  @ApiOkResponse({ type: ForcedExpirationDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The scope, the key or the reason is not acceptable' })
  @ApiNotFoundResponse({ type: ProblemDto, description: 'The key names nothing' })
  force(@Body() dto: ForceExpirationDto, @CurrentActor() actor: Actor): Promise<ForcedExpirationDto> {
    return this.expirations.force(dto, actor);
  }
}
