import { Controller, Get, Headers, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from './common/access.js';
import { sha256 } from './common/secrets.js';
import { prefersJson } from './server/accept.js';

const SUMMARY = {
  service: 'portcullis',
  description: 'Users, roles, permissions and signing keys; and JWTs that stop working the moment they should.',
  links: {
    documentation: '/docs',
    openapi: '/openapi.json',
    keys: '/.well-known/jwks.json',
    live: '/health/live',
    ready: '/health/ready',
    metrics: '/metrics',
  },
};

const SUMMARY_SCHEMA = {
  type: 'object',
  required: ['service', 'description', 'links'],
  properties: {
    service: { type: 'string' },
    description: { type: 'string' },
    links: { type: 'object', additionalProperties: { type: 'string' } },
  },
  example: SUMMARY,
};

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem; }
  h1 { margin-bottom: 0.25rem; }
  dt { margin-top: 1rem; font-weight: 600; }
  dd { margin: 0; }
`;

// Addresses are relative, so that the page also works below a path that a proxy takes off.
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portcullis</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Portcullis</h1>
<p>${SUMMARY.description}</p>
<dl>
<dt><a href="docs">API documentation</a></dt><dd>Every route, to read and to try out.</dd>
<dt><a href="openapi.json">OpenAPI document</a></dt><dd>The same for programs.</dd>
<dt><a href=".well-known/jwks.json">Public keys</a></dt><dd>What microservices verify tokens with.</dd>
<dt><a href="health/ready">Health</a></dt><dd>Whether this instance can serve, and <a href="metrics">its metrics</a>.</dd>
</dl>
</body>
</html>
`;

const POLICY = `default-src 'none'; style-src 'sha256-${sha256(STYLE).toString('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

@ApiTags('Operations')
@Controller()
export class LandingController {
  @Get()
  @Public()
  @ApiOperation({ summary: 'What this is, and where to go from here' })
  @ApiOkResponse({
    description: 'A page for people, or JSON when `Accept` prefers it',
    content: { 'text/html': { schema: { type: 'string' } }, 'application/json': { schema: SUMMARY_SCHEMA } },
  })
  read(
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string | typeof SUMMARY {
    if (prefersJson(accept)) return SUMMARY;
    void reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY);
    return PAGE;
  }
}
