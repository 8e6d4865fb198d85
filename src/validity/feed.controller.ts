import { Readable } from 'node:stream';
import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { ApiBadRequestResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { isSubscriberName, SUBSCRIBER_FORM, type Principal } from '@portcullis/verifier';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../common/access.js';
import { Limited } from '../common/limited.js';
import { PageQuery } from '../common/pagination.js';
import { CurrentPrincipal } from '../common/principal.js';
import { ProblemDto, invalidFields } from '../common/problem.js';
import { FeedDto, FeedQuery, SubscriberPageDto } from './feed.dto.js';
import { FeedService } from './feed.service.js';
import { SubscribersService } from './subscribers.service.js';

@ApiTags('Validity')
@Controller('v1/validity')
export class FeedController {
  constructor(
    private readonly feed: FeedService,
    private readonly subscribers: SubscribersService,
  ) {}

  @Get('events')
  @Requires('validity:read')
  // Bounded by the places of those who wait; a service that comes back often must not stay behind for it.
  @Limited()
  @ApiOperation({
    summary: 'Follow what ends tokens',
    description:
      'Long-poll: answers at once when there is something after `after`, else as soon as something happens, or when `wait` is over. `@portcullis/verifier` does this for you.',
  })
  @ApiHeader({
    name: 'portcullis-subscriber',
    required: false,
    description: 'How this instance of the client calls itself, for the list of subscribers',
    example: 'orders-7c9f',
  })
  @ApiOkResponse({ type: FeedDto })
  @ApiBadRequestResponse({
    type: ProblemDto,
    description: '`after`, `wait`, `nonce` or the subscriber is not acceptable',
  })
  async events(
    @Query() { after, wait, nonce }: FeedQuery,
    @Headers('portcullis-subscriber') subscriber: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (subscriber !== undefined && !isSubscriberName(subscriber)) {
      throw invalidFields([{ field: 'portcullis-subscriber', message: `is not a name of ${SUBSCRIBER_FORM}` }]);
    }
    const { subject } = principal;
    const seen = (position: number): void => {
      this.subscribers.seen(subject, subscriber ?? '-', position);
    };
    seen(after);
    const { arrivedAt, signal } = request;
    const answer = await this.feed.answer({
      owner: subject,
      after,
      waitMs: wait * 1000,
      arrivedAt,
      signal,
      nonce,
      onAnswered: seen,
    });
    reply.type('application/json; charset=utf-8').header('cache-control', 'no-store');
    await reply.send(typeof answer === 'string' ? answer : Readable.from(answer, { highWaterMark: 1 }));
  }

  @Get('subscribers')
  @Requires('validity:read')
  @ApiOperation({
    summary: 'List who follows, and how far behind they are',
    description: 'As of some seconds ago, over all instances.',
  })
  @ApiOkResponse({ type: SubscriberPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The cursor is not acceptable' })
  list(@Query() query: PageQuery): Promise<SubscriberPageDto> {
    return this.subscribers.list(query);
  }
}
