import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiNoContentResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../common/access.js';
import { Limited } from '../../common/limited.js';
import { CurrentActor, type Actor } from '../../common/principal.js';
import { ProblemDto } from '../../common/problem.js';
import { callerOf } from '../password-check.js';
import { MailToDto, PasswordByLinkDto } from './accounts.dto.js';
import { PasswordLinks } from './password-links.service.js';

const BAD_LINK = {
  type: ProblemDto,
  description:
    '`invalid_link`: it is made up, used, replaced by a later one or expired; or the password is not acceptable',
};

@ApiTags('Auth')
@Controller('v1/auth')
export class PasswordLinksController {
  constructor(private readonly links: PasswordLinks) {}

  @Post('password/forgot')
  @HttpCode(202)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Have a link mailed to set a new password',
    description: 'The answer is the same whether or not anybody has this address.',
  })
  @ApiAcceptedResponse({ description: 'If there is an active account with this address, a mail is on its way' })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'It is not an address' })
  async forgot(@Body() { email }: MailToDto, @CurrentActor() actor: Actor): Promise<void> {
    await this.links.forgot(email, actor);
  }

  @Post('password/reset')
  @HttpCode(204)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Set a new password by the link in the mail',
    description: 'Ends all sessions and tokens of the user. Whoever sets it logs in with it next.',
  })
  @ApiNoContentResponse({ description: 'It is set, and the link is used up' })
  @ApiBadRequestResponse(BAD_LINK)
  async reset(@Body() dto: PasswordByLinkDto, @Req() request: FastifyRequest): Promise<void> {
    await this.links.setPassword('password-reset', dto, callerOf(request));
  }

  @Post('invitation/accept')
  @HttpCode(204)
  @Public()
  @Limited('attempts')
  @ApiOperation({ summary: 'Set the first password by the link in an invitation' })
  @ApiNoContentResponse({ description: 'It is set, and the link is used up' })
  @ApiBadRequestResponse(BAD_LINK)
  async accept(@Body() dto: PasswordByLinkDto, @Req() request: FastifyRequest): Promise<void> {
    await this.links.setPassword('invitation', dto, callerOf(request));
  }
}
