import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { ENV, type Env } from '../../config/env.js';
import { Requires } from '../common/access.js';
import { PageQuery } from '../common/pagination.js';
import { CurrentActor, type Actor } from '../common/principal.js';
import { ProblemDto } from '../common/problem.js';
import type { ShownKey } from './key-directory.js';
import { publicKeyPem } from './key-export.js';
import { KeyPageDto, KeyWithPublicHalfDto, NamedKeyDto, RevokeKeyDto, RotateKeyDto, type KeyDto } from './keys.dto.js';
import { KeysService } from './keys.service.js';
import { KidPipe } from './kid.pipe.js';

const KID = { name: 'kid', example: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', description: 'Percent-encoded' };
const NOT_FOUND = { type: ProblemDto, description: 'There is no such key' };

@ApiTags('Keys')
@Controller('v1/keys')
export class KeysController {
  constructor(
    private readonly keys: KeysService,
    @Inject(ENV) private readonly env: Env,
  ) {}

  @Get()
  @Requires('keys:read')
  @ApiOperation({ summary: 'List all keys there ever were, newest first; private halves and secrets are never shown' })
  @ApiOkResponse({ type: KeyPageDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The limit or the cursor is not acceptable' })
  async list(@Query() query: PageQuery): Promise<KeyPageDto> {
    const { items, nextCursor } = await this.keys.list(query);
    return { items: items.map(toDto), nextCursor };
  }

  @Get(':kid')
  @Requires('keys:read')
  @ApiOperation({ summary: 'Read a key with its public half, as JWK and as PEM' })
  @ApiParam(KID)
  @ApiOkResponse({ type: KeyWithPublicHalfDto })
  @ApiNotFoundResponse(NOT_FOUND)
  async read(@Param('kid', new KidPipe()) kid: string): Promise<KeyWithPublicHalfDto> {
    const key = await this.keys.read(kid);
    const { publicJwk } = key;
    return Object.assign(toDto(key), { publicJwk, publicPem: publicJwk && publicKeyPem(publicJwk) });
  }

  @Post('rotate')
  @Requires('keys:write')
  @ApiOperation({
    summary: 'Make the next signing key of an algorithm',
    description:
      'It is published at once and signs once every verifier has had the time to fetch it (`pending` until then); the key before it goes on ' +
      'verifying until its last token has expired. While one is pending, the answer names that one, and no other is made. Where no key of the ' +
      'algorithm signs, it signs at once. To put a key out of use at once, revoke it.',
  })
  @ApiCreatedResponse({ type: NamedKeyDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The algorithm is none that keys are made for' })
  async rotate(@Body() { algorithm }: RotateKeyDto, @CurrentActor() actor: Actor): Promise<NamedKeyDto> {
    const { kid, state } = await this.keys.rotate(algorithm ?? this.env.signingAlgorithm, actor);
    return { kid, state };
  }

  @Post(':kid/revoke')
  @HttpCode(200)
  @Requires('keys:write')
  @ApiOperation({
    summary: 'Revoke a key, and with it every token that it signed',
    description:
      'It leaves the JWKS at once. If it was signing, the pending key takes its place, or a new one is made; but not for an algorithm that nothing ' +
      'uses any more, and not for the secret of an audience, which must be given another one.',
  })
  @ApiParam(KID)
  @ApiOkResponse({ type: NamedKeyDto })
  @ApiBadRequestResponse({ type: ProblemDto, description: 'The reason is not acceptable' })
  @ApiNotFoundResponse(NOT_FOUND)
  async revoke(
    @Param('kid', new KidPipe()) kid: string,
    @Body() { reason }: RevokeKeyDto,
    @CurrentActor() actor: Actor,
  ): Promise<NamedKeyDto> {
    return this.keys.revoke(kid, actor, reason);
  }
}

function toDto(key: ShownKey): KeyDto {
  const { kid, state, algorithm, audience, origin } = key;
  const { createdAt, activatedAt, retiringAt, retireAt, retiredAt, revokedAt } = key;
  return {
    ...{ kid, state, algorithm, audience, origin },
    ...{ createdAt, activatedAt, retiringAt, retireAt, retiredAt, revokedAt },
  };
}
