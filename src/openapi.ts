import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { BrokerRefusalDto, speaksMigratoryData } from './common/broker-answer.js';
import { OAuthErrorDto, speaksOAuth } from './common/oauth-error.js';
import { ProblemDto } from './common/problem.js';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;

const DESCRIPTION = `Keeps users, roles, permissions and signing keys, issues JWTs, and makes a JWT stop working the moment it should.

**To try it out:** log in with \`POST /v1/auth/login\`, copy the \`access_token\` of the answer, press *Authorize* and paste it. Every
route names the permission that it needs.

**Bodies** are JSON objects; none may have two members of one name.

**Errors** are problem documents (RFC 9457) with a \`code\` that is made for programs and a \`requestId\` that names the request in the logs.
A refused token gets 401 with \`invalid_token\`, a missing permission 403 with \`insufficient_scope\`. The OAuth endpoints take forms and answer the
errors of RFC 6749 instead, and \`POST /token/generate\` those of the program whose place it takes.

**Lists** come in pages: \`?limit=&cursor=\`, and \`nextCursor\` of one page is the \`cursor\` of the next.`;

const TAGS: Readonly<Record<string, string>> = {
  Auth: 'Log in, refresh, log out; who am I, and where am I logged in',
  Users: 'People: their accounts, status and roles',
  Roles: 'What a role permits',
  Permissions: 'What there is to be permitted',
  Clients: 'Callers that are programs: their secrets, keys and permissions',
  Audiences: 'The services that tokens are for',
  Tokens: 'What a token says, and why it is accepted or refused',
  OAuth: 'The endpoints of OAuth 2.0, for clients that know nothing of Portcullis',
  Validity: 'Ending tokens before they expire',
  Keys: 'What tokens are signed and verified with',
  Audit: 'Who did what, and who tried to',
  Operations: 'Health, metrics, and where everything is',
};

const PROBLEM = getSchemaPath(ProblemDto);
const PROBLEM_CONTENT = { 'application/problem+json': { schema: { $ref: PROBLEM } } };
const OAUTH_ERROR_CONTENT = { 'application/json': { schema: { $ref: getSchemaPath(OAuthErrorDto) } } };
const BROKER_REFUSAL_CONTENT = { 'application/json': { schema: { $ref: getSchemaPath(BrokerRefusalDto) } } };
const ANY_ERROR = { description: 'Any other error', content: PROBLEM_CONTENT };
/** Of an address that answers errors in a form of its own. */
const anyErrorIn = <T extends object>(content: T): { description: string; content: T & typeof PROBLEM_CONTENT } => ({
  description: 'Any other error; a problem document where a request cannot be read far enough to tell its address',
  content: { ...content, ...PROBLEM_CONTENT },
});

/** The OpenAPI 3 document of every room's routes. `issuer` tells below which path the service is reached. */
export function openApiDocument(app: NestFastifyApplication, issuer: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Portcullis')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    // Without host: whoever reads the document has reached the service, and by a name that works for them.
    .addServer(new URL(issuer).pathname)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token' }, 'bearer')
    .addBasicAuth({ type: 'http', scheme: 'basic', description: 'The id and the secret of a client' }, 'client');
  for (const [name, description] of Object.entries(TAGS)) config.addTag(name, description);
  const document = SwaggerModule.createDocument(app, config.build(), {
    extraModels: [ProblemDto, OAuthErrorDto, BrokerRefusalDto],
    operationIdFactory: (controller, method) => operationId(controller, method),
  });
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of operationsOf(item)) complete(operation, contentOfErrors(path));
  }
  return document;
}

/** `AuditController` and `list` make `auditList`. */
function operationId(controller: string, method: string): string {
  const room = controller.replace(/Controller$/, '');
  return `${room.charAt(0).toLowerCase()}${room.slice(1)}${method.charAt(0).toUpperCase()}${method.slice(1)}`;
}

function operationsOf({ get, put, post, patch, delete: remove }: PathItem): Operation[] {
  return [get, put, post, patch, remove].filter((operation) => operation !== undefined);
}

function contentOfErrors(path: string): typeof PROBLEM_CONTENT | typeof OAUTH_ERROR_CONTENT {
  if (speaksOAuth(path)) return OAUTH_ERROR_CONTENT;
  return speaksMigratoryData(path) ? BROKER_REFUSAL_CONTENT : PROBLEM_CONTENT;
}

/** Says what holds everywhere: the form of any error, and that a route without security needs none. */
function complete(operation: Operation, errors: ReturnType<typeof contentOfErrors>): void {
  // A route with several addresses: `jwksRead[0]`, `jwksRead[1]`, …
  operation.operationId = (operation.operationId ?? '').replace(/\[0\]$/, '').replace(/\[(\d+)\]$/, '$1');
  operation.security ??= [];
  for (const response of Object.values(operation.responses)) {
    if (response === undefined || '$ref' in response) continue;
    const isProblem = Object.values(response.content ?? {}).some(
      ({ schema }) => schema && '$ref' in schema && schema.$ref === PROBLEM,
    );
    if (isProblem) response.content = errors;
  }
  operation.responses.default ??= errors === PROBLEM_CONTENT ? ANY_ERROR : anyErrorIn(errors);
}
