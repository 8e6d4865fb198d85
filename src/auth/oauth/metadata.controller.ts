import { Controller, Get, Header, Inject, Param } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ENV, type Env } from '../../../config/env.js';
import { Public } from '../../common/access.js';
import { notFound } from '../../common/problem.js';
import { issuerPath, metadataOf, type Metadata } from './metadata.js';
import { MetadataDto } from './oauth.dto.js';

const CACHE_CONTROL = 'public, max-age=300';

/** There is no `openid-configuration` beside it: this service issues no ID tokens, so it is no OpenID provider. */
@ApiTags('OAuth')
@Controller('.well-known/oauth-authorization-server')
export class MetadataController {
  private readonly metadata: Metadata;

  constructor(@Inject(ENV) private readonly env: Env) {
    this.metadata = metadataOf(env.issuer);
  }

  @Get()
  @Public()
  @Header('cache-control', CACHE_CONTROL)
  @ApiOperation({ summary: 'Read what clients need to know of this server (RFC 8414)' })
  @ApiOkResponse({ type: MetadataDto, headers: { 'Cache-Control': { schema: { type: 'string' } } } })
  read(): Metadata {
    return this.metadata;
  }

  /**
   * RFC 8414 section 3.1 puts the path of an issuer behind the well-known part, where a proxy that takes the path off elsewhere has nothing to
   * take off.
   */
  @Get('*')
  @Public()
  @Header('cache-control', CACHE_CONTROL)
  @ApiExcludeEndpoint()
  readBelow(@Param('*') path: string): Metadata {
    if (path === '' || path !== issuerPath(this.env.issuer)) throw notFound('issuer');
    return this.metadata;
  }
}
