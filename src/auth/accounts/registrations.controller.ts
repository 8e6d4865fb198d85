import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiForbiddenResponse,
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
import { CompleteRegistrationDto, MailToDto } from './accounts.dto.js';
import { Registrations } from './registrations.service.js';

const OFF = { type: ProblemDto, description: '`registration_off`: see `PORTCULLIS_REGISTRATION`' };

@ApiTags('Auth')
@Controller('v1/auth/register')
export class RegistrationsController {
  constructor(private readonly registrations: Registrations) {}

  @Post()
  @HttpCode(202)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Ask for an account',
    description: 'The answer is the same whether or not anybody has this address; a mail to it tells how to go on.',
  })
  @ApiAcceptedResponse({ description: 'A mail is on its way' })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: 'It is not an address, or not of a domain that may register',
  })
  @ApiForbiddenResponse(OFF)
  async register(@Body() { email }: MailToDto, @CurrentActor() actor: Actor): Promise<void> {
    await this.registrations.register(email, actor);
  }

  @Post('complete')
  @HttpCode(204)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Make the account by the link in the mail',
    description: 'Whoever makes it logs in by the address next; the username is made up.',
  })
  @ApiNoContentResponse({ description: 'There is an account, and the link is used up' })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description:
      '`invalid_link`: it is made up, used, replaced by a later one or expired; or the password is not acceptable',
  })
  @ApiForbiddenResponse(OFF)
  @ApiConflictResponse({ type: ProblemDto, description: '`email_taken`: there is an account with this address by now' })
  async complete(@Body() dto: CompleteRegistrationDto, @Req() request: FastifyRequest): Promise<void> {
    await this.registrations.complete(dto, callerOf(request));
  }
}
