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
import type { Principal } from '@portcullis/verifier';
import type { FastifyRequest } from 'fastify';
import { Public, Requires } from '../../common/access.js';
import { Limited } from '../../common/limited.js';
import { CurrentActor, CurrentPrincipal, signedInUserOf, type Actor } from '../../common/principal.js';
import { ProblemDto } from '../../common/problem.js';
import { callerOf } from '../password-check.js';
import { ChangeAddressDto, LinkDto, MailToDto } from './accounts.dto.js';
import { Addresses } from './addresses.service.js';

@ApiTags('Auth')
@Controller('v1/auth/email')
export class AddressesController {
  constructor(private readonly addresses: Addresses) {}

  @Post('verify')
  @HttpCode(204)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Prove an address by the link in a mail to it',
    description: 'If it is one that a user wants to move to, it is theirs from now on.',
  })
  @ApiNoContentResponse({ description: 'It is proven, and the link is used up' })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: '`invalid_link`: it is made up, used, replaced by a later one or expired',
  })
  @ApiConflictResponse({
    type: ProblemDto,
    description: '`email_taken`: another account has confirmed the same address meanwhile',
  })
  async verify(@Body() { token }: LinkDto, @CurrentActor() actor: Actor): Promise<void> {
    await this.addresses.confirm(token, actor);
  }

  @Post('resend')
  @HttpCode(202)
  @Public()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Have a link mailed to prove an address',
    description: 'The answer is the same whether or not anybody has this address.',
  })
  @ApiAcceptedResponse({
    description: 'If there is an active account with this address, unproven, a mail is on its way',
  })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'It is not an address' })
  async resend(@Body() { email }: MailToDto, @CurrentActor() actor: Actor): Promise<void> {
    await this.addresses.resend(email, actor);
  }

  @Post('change')
  @HttpCode(202)
  @Requires()
  @Limited('attempts')
  @ApiOperation({
    summary: 'Move to another address',
    description: 'It takes effect when the link in the mail to the new address is used; the present address is told.',
  })
  @ApiAcceptedResponse({ description: 'A mail is on its way to the new address, and one to the present address' })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'It is not an address, or the password is missing' })
  @ApiForbiddenResponse({
    type: ProblemDto,
    description: '`not_a_user`: the token is that of a client; `not_a_session`: it was generated',
  })
  async change(
    @Body() dto: ChangeAddressDto,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    await this.addresses.requestChange(signedInUserOf(principal), dto, callerOf(request));
  }
}
