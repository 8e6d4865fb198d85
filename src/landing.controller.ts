import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from './common/access.js';

const LINKS = {
  documentation: '/docs',
  openapi: '/openapi.json',
  keys: '/.well-known/jwks.json',
  health: '/health/ready',
};

@ApiTags('Operations')
@Controller()
export class LandingController {
  @Get()
  @Public()
  @ApiOperation({ summary: 'What this is, and where to go from here' })
  @ApiProduces('text/html', 'application/json')
  @ApiOkResponse({ description: 'A page for people, or JSON when `Accept` asks for it' })
  read(@Res({ passthrough: true }) reply: FastifyReply): unknown {
    void reply.header('vary', 'Accept');
    return { service: 'portcullis', links: LINKS };
  }
}
