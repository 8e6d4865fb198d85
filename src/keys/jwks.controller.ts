import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ENV, type Env } from '../../config/env.js';
import { Public } from '../common/access.js';
import { JwksService } from './jwks.service.js';

class JwksDto {
  @ApiProperty({
    type: 'array',
    items: { type: 'object', additionalProperties: { type: 'string' } },
    example: [
      {
        kty: 'RSA',
        n: '0vx7agoebGcQSuuPiLJX…',
        e: 'AQAB',
        kid: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
        alg: 'RS256',
        use: 'sig',
      },
    ],
  })
  keys: Record<string, string>[];
}

@ApiTags('Keys')
@Controller()
export class JwksController {
  constructor(
    private readonly jwks: JwksService,
    @Inject(ENV) private readonly env: Env,
  ) {}

  @Get(['.well-known/jwks.json', 'jwks.json', 'keys'])
  @Public()
  @ApiOperation({ summary: 'Read the public keys that tokens are signed with (RFC 7517)' })
  @ApiHeader({
    name: 'if-none-match',
    required: false,
    description: 'The `ETag` of the set that you have',
    example: '"pXqYSAh2nm0T1WLR9nmJgw"',
  })
  @ApiOkResponse({
    type: JwksDto,
    headers: { ETag: { schema: { type: 'string' } }, 'Cache-Control': { schema: { type: 'string' } } },
  })
  @ApiResponse({ status: 304, description: 'The set is the one that you have' })
  async read(@Headers('if-none-match') ifNoneMatch: string | undefined, @Res() reply: FastifyReply): Promise<void> {
    const { body, etag } = await this.jwks.current();
    reply.headers({ etag, 'cache-control': `public, max-age=${this.env.jwksMaxAge}` });
    if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) {
      await reply.status(304).send();
      return;
    }
    await reply.type('application/json; charset=utf-8').send(body);
  }
}

/** RFC 9110 section 13.1.2: weak comparison. */
function matches(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
