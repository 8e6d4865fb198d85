import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from './support/app.js';
import { ROUTE_PERMISSIONS } from './support/route-permissions.js';

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

describe('the landing page', () => {
  it('is a page for people, whose links lead somewhere', async () => {
    const { headers, body } = await app.http.get<string>('/', { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const links = [...body.matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(4);
    for (const link of links) expect((await app.http.get(`/${link}`)).status).toBe(200);
  });

  it('is JSON for programs', async () => {
    const { body } = await app.http.get('/', { headers: { accept: 'application/json' } });
    expect(body).toMatchObject({ service: 'portcullis', links: { openapi: '/openapi.json' } });
    for (const link of Object.values(body.links as object))
      expect((await app.http.get(link as string)).status).toBe(200);
  });
});

describe('Swagger UI', () => {
  it('is served with its files, and may run nothing else', async () => {
    const page = await app.http.get<string>('/docs');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
    expect(files).toHaveLength(4);
    for (const file of files) {
      const { status, headers } = await app.http.get(`/${file}`);
      expect(status).toBe(200);
      expect(headers.get('content-type')).not.toContain('octet-stream');
    }
  });

  it.each(['/docs/index.html', '/docs/../package.json', '/docs/%2e%2e%2fpackage.json', '/docs/package.json'])(
    'serves no other file: %s',
    async (path) => {
      expect((await app.http.get(path)).status).toBe(404);
    },
  );
});

interface Operation {
  'x-permissions'?: string[];
  operationId: string;
  summary?: string;
  tags: string[];
  security: object[];
  responses: Record<string, { description: string; content?: Record<string, { schema: { $ref?: string } }> }>;
}

interface Document {
  openapi: string;
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

describe('the OpenAPI document', () => {
  let document: Document;
  let operations: [string, Operation][];

  beforeAll(async () => {
    document = (await app.http.get<Document>('/openapi.json')).body;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]),
    );
  });

  it('names its version, server, security scheme, and every tag', () => {
    expect(document.openapi).toMatch(/^3\./);
    expect(document.servers).toEqual([{ url: '/' }]);
    expect(document.components.securitySchemes.bearer).toMatchObject({
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
    });
    const used = new Set(operations.flatMap(([, { tags }]) => tags));
    expect(document.tags.map(({ name }) => name).sort()).toEqual([...used].sort());
  });

  it('has every route, each with a summary, a unique name, security and errors', () => {
    expect(operations.length).toBeGreaterThan(30);
    const names = operations.map(([, { operationId }]) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const [route, { operationId, summary, security, responses }] of operations) {
      expect([route, operationId]).toEqual([route, expect.stringMatching(/^[a-z][A-Za-z]+\d?$/)]);
      expect([route, summary]).toEqual([route, expect.any(String)]);
      expect([route, security]).toEqual([route, expect.any(Array)]);
      expect([route, Object.keys(responses)]).toEqual([route, expect.arrayContaining(['default', '429', '503'])]);
      expect([route, Object.keys(responses).filter((status) => status.startsWith('2'))]).toEqual([
        route,
        [expect.any(String)],
      ]);
    }
  });

  it('says which permission a route needs, and what is answered without it', () => {
    const guarded = operations.filter(([, { security }]) => security.length > 0);
    expect(guarded.length).toBeGreaterThan(20);
    for (const [route, operation] of guarded)
      expect([route, operation.responses['401']]).toEqual([route, expect.anything()]);
    const [, audit] = operations.find(([route]) => route === 'get /v1/audit-events') ?? [];
    expect(audit).toMatchObject({ 'x-permissions': ['audit:read'], responses: { '403': expect.anything() } });
  });

  it('asks of each route the permission that is written down for it', () => {
    const asked: Record<string, string[]> = {};
    for (const [route, { 'x-permissions': permissions }] of operations) {
      const [method = '', path = ''] = route.split(' ');
      (asked[permissions === undefined ? 'none' : (permissions[0] ?? 'token')] ??= []).push(
        `${method.toUpperCase()} ${path}`,
      );
      expect([route, (permissions ?? []).length <= 1]).toEqual([route, true]);
    }
    const sorted = (table: Readonly<Record<string, readonly string[]>>): object =>
      Object.fromEntries(Object.entries(table).map(([name, routes]) => [name, routes.toSorted()]));
    expect(sorted(asked)).toEqual(sorted(ROUTE_PERMISSIONS));
  });

  it('describes errors as problem documents, and those of OAuth as RFC 6749 has them', () => {
    for (const [route, { responses }] of operations) {
      const speaksOAuth = route.startsWith('post /oauth/');
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const oauth = content['application/json']?.schema.$ref === '#/components/schemas/OAuthErrorDto';
        if (status >= '400') expect([route, status, oauth]).toEqual([route, status, speaksOAuth]);
        if (speaksOAuth) continue;
        const problems = Object.entries(content).filter(
          ([, { schema }]) => schema.$ref === '#/components/schemas/ProblemDto',
        );
        for (const [type] of problems)
          expect([route, status, type]).toEqual([route, status, 'application/problem+json']);
        // One route speaks as the program does whose place it takes.
        if (route === 'post /token/generate') {
          const refusal = content['application/json']?.schema.$ref === '#/components/schemas/BrokerRefusalDto';
          if (status >= '400') expect([status, refusal]).toEqual([status, true]);
        } else if (status === '400') expect([route, problems.length]).toEqual([route, 1]);
      }
    }
  });

  it('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(20);
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});
