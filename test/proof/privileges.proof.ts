import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BUILT_IN_PERMISSIONS } from '../../src/permissions/built-in.js';
import { startApp, type TestApp } from '../support/app.js';
import type { HttpClient } from '../support/http.js';
import { createPerson, signIn } from '../support/people.js';
import { attemptsBy, type Climber, type Target } from './support/climbing.js';
import { Api, type Operation } from './support/openapi.js';
import { randomSteps, take, type Account } from './support/random-walk.js';
import { overreach, readRights } from './support/rights.js';
import { exchange, type WireAnswer } from './support/wire.js';

jest.setTimeout(300_000);

const SEED = Number(process.env['PROOF_SEED'] ?? 20_260_101);
const STEPS = 40;
const NOBODY = '00000000-0000-7000-8000-000000000000';

/** For tokens that outlive the proof, on a busy machine too. */
const LASTING = { PORTCULLIS_ACCESS_TOKEN_TTL: '1h' };

let app: TestApp;
let admin: HttpClient;
let count = 0;
const fresh = (): string => `climb-${++count}`;

beforeAll(async () => {
  app = await startApp({ env: LASTING });
  admin = await app.admin();
});
afterAll(() => app.close());

/** Someone who holds these, by a role of their own. */
async function holderOf(permissions: readonly string[]): Promise<Climber & Target & { accessToken: string }> {
  const role = fresh();
  const created = await admin.post('/v1/roles', { name: role, permissions });
  if (created.status !== 201) throw new Error(`${role}: ${JSON.stringify(created.body)}`);
  const person = await createPerson(admin, [role]);
  const { http, accessToken } = await signIn(app.http, person);
  const { body } = await http.get('/v1/auth/me');
  const { id: userId, username, email } = person;
  return { userId, username, email, role, permissions, http, accessToken, sessionId: String(body['sessionId']) };
}

describe('every route, for every permission and for nobody', () => {
  let api: Api;

  beforeAll(async () => {
    api = await Api.of(app.url);
  });

  /** Names nothing, and brings nothing: what the guards let through comes to no harm. */
  const ask = (operation: Operation, token?: string): Promise<WireAnswer> =>
    exchange(app.url, {
      method: operation.method,
      target: operation.path.replace('{id}', NOBODY).replace('{name}', 'nobody:knows').replace('{kid}', 'nobody-knows'),
      headers: token === undefined ? [] : [['Authorization', `Bearer ${token}`]],
    });

  /** What the guards say: they alone name, in the challenge, what the route needs. */
  function guardSays({ status, headers, body }: WireAnswer): string {
    if (status === 401) return (JSON.parse(body) as { code: string }).code;
    return status === 403 && headers['www-authenticate']?.includes('scope="') ? 'insufficient_scope' : 'let in';
  }

  it('is in the document', () => {
    const documented = new Set(
      api.operations.map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const routes = routesOf(app);
    expect(routes).toContain('PUT /v1/roles/:name/permissions');
    const undocumented = routes.filter((route) => !documented.has(route));
    // Files, the document itself, and the second address of the metadata: the same for everybody. And the check for gateways that ask by any
    // method at any path, for which OpenAPI has no words.
    const open =
      /^GET \/(docs|openapi\.json|\.well-known\/oauth-authorization-server\*)|^[A-Z]+ \/v1\/auth\/check\/?\*$/;
    expect(undocumented.filter((route) => !open.test(route))).toEqual([]);
    expect(api.operations.length).toBeGreaterThan(30);
  });

  it('lets in whom the document says', async () => {
    const findings: string[] = [];
    let decisions = 0;
    const check = (who: string, { operationId }: Operation, answer: WireAnswer, expected: string): void => {
      decisions++;
      const said = guardSays(answer);
      if (said !== expected) findings.push(`${operationId}, ${who}: ${said} (${answer.status}), not ${expected}`);
      if (answer.status >= 500 || answer.status === 0) findings.push(`${operationId}, ${who}: ${answer.status}`);
    };
    for (const operation of api.operations) {
      const required = operation['x-permissions'];
      const isPublic = operation.security.length === 0;
      const toNobody = await ask(operation);
      // Where the route itself decides, it may say first that the body is missing.
      if (required || isPublic) check('nobody', operation, toNobody, isPublic ? 'let in' : 'token_required');
      else if (![400, 401].includes(toNobody.status))
        findings.push(`${operation.operationId}, nobody: ${toNobody.status}`);
      for (const permission of BUILT_IN_PERMISSIONS) {
        if (isPublic) continue;
        const { accessToken } = await holder(permission);
        const lacks = required?.some((name) => name !== permission) ?? false;
        check(permission, operation, await ask(operation, accessToken), lacks ? 'insufficient_scope' : 'let in');
        if (operation.path.includes('logout')) holders.delete(permission);
      }
    }
    expect(findings.join('\n')).toBe('');
    console.log(`proof: privileges: ${api.operations.length} operations, ${decisions} decisions as documented`);
  });

  it('names in the document only permissions that exist', () => {
    const named = new Set(api.operations.flatMap((operation) => operation['x-permissions'] ?? []));
    for (const name of named) expect(BUILT_IN_PERMISSIONS).toContain(name);
    for (const { operationId, security, ...operation } of api.operations) {
      const asks = operation['x-permissions'] !== undefined;
      expect([operationId, asks && security.length === 0]).toEqual([operationId, false]);
    }
  });

  const holders = new Map<string, Promise<{ accessToken: string }>>();

  function holder(permission: string): Promise<{ accessToken: string }> {
    const known = holders.get(permission) ?? holderOf([permission]);
    holders.set(permission, known);
    return known;
  }
});

function routesOf({ nest }: TestApp): string[] {
  const tree = nest.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
  const path: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const found = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/u.exec(line);
    if (!found) return [];
    const [, indent = '', segment = '', methods = ''] = found;
    path.splice(indent.length / 4);
    path.push(segment);
    return methods
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD' && method !== 'OPTIONS')
      .map((method) => `${method} ${path.join('')}`);
  });
}

describe('nobody climbs', () => {
  /** As many as the service has connections to the database here: on a busy machine more would wait too long for one. */
  const AT_ONCE = 5;
  const REFUSALS = new Set([400, 403, 404, 409]);
  let targets: Target[];

  beforeAll(async () => {
    await admin.post('/v1/permissions', { name: 'team:write' });
    const [me, team, all] = [
      await createPerson(admin, ['admin']),
      await holderOf(['team:write']),
      await holderOf(BUILT_IN_PERMISSIONS),
    ];
    const session = await (await signIn(app.http, me)).http.get('/v1/auth/me');
    const { id: userId, username, email } = me;
    const sessionId = String(session.body['sessionId']);
    targets = [{ userId, username, email, sessionId, role: 'admin', permissions: BUILT_IN_PERMISSIONS }, team, all];
  });

  async function climb(
    permissions: readonly string[],
    target: Target,
  ): Promise<{ attempts: number; findings: string[] }> {
    const climber = await holderOf(permissions);
    const before = await readRights(app.database);
    const attempts = attemptsBy(climber, target, fresh);
    const findings: string[] = [];
    for (let first = 0; first < attempts.length; first += AT_ONCE) {
      const answers = await Promise.all(attempts.slice(first, first + AT_ONCE).map(({ send }) => send()));
      for (const [index, { status, body }] of answers.entries()) {
        const name = attempts[first + index]?.name ?? '';
        if (!REFUSALS.has(status))
          findings.push(`${permissions.join(' ')}: ${name}: ${status} ${JSON.stringify(body)}`);
      }
    }
    const after = await readRights(app.database);
    const done = overreach(before, after, new Set(permissions)).map((what) => `${permissions.join(' ')}: ${what}`);
    return { attempts: attempts.length, findings: [...findings, ...done] };
  }

  it('with one permission, or with two', async () => {
    const singles = BUILT_IN_PERMISSIONS.map((one) => [one]);
    const pairs = singles.flatMap(([one = ''], index) =>
      BUILT_IN_PERMISSIONS.slice(index + 1).map((other) => [one, other]),
    );
    expect(pairs).toHaveLength(136);
    const findings: string[] = [];
    let attempts = 0;
    for (const [index, permissions] of [...singles, ...pairs].entries()) {
      const chosen = permissions.length === 1 ? targets : targets.slice(index % targets.length).slice(0, 1);
      for (const target of chosen) {
        const climbed = await climb(permissions, target);
        attempts += climbed.attempts;
        findings.push(...climbed.findings);
      }
    }
    expect(findings.join('\n')).toBe('');
    console.log(
      `proof: privileges: ${attempts} attempts by ${singles.length} holders of one and ${pairs.length} of two, none succeeded`,
    );
  });

  it('with all permissions but one', async () => {
    const findings: string[] = [];
    for (const absent of BUILT_IN_PERMISSIONS) {
      const permissions = BUILT_IN_PERMISSIONS.filter((name) => name !== absent);
      for (const target of targets) findings.push(...(await climb(permissions, target)).findings);
    }
    expect(findings.join('\n')).toBe('');
  });

  it('by any number of steps, each of which is allowed', async () => {
    // A small world, so that the steps often meet.
    await app.close();
    app = await startApp({ env: LASTING });
    admin = await app.admin();
    await admin.post('/v1/permissions', { name: 'team:write' });
    for (const permissions of [['team:write'], ['users:read'], BUILT_IN_PERMISSIONS]) await holderOf(permissions);
    const findings: string[] = [];
    const outcomes = { taken: 0, refused: 0 };
    for (const [index, absent] of BUILT_IN_PERMISSIONS.entries()) {
      const held = new Set<string>(BUILT_IN_PERMISSIONS.filter((name) => name !== absent));
      const { userId, http } = await holderOf([...held]);
      const accounts: Account[] = [{ id: userId, http }];
      let before = await readRights(app.database);
      for (const step of randomSteps(SEED + index, STEPS)) {
        const { name, answer } = await take(step, accounts, before, fresh);
        const after = await readRights(app.database);
        findings.push(...overreach(before, after, held).map((what) => `without ${absent}: ${name}: ${what}`));
        if (answer.status >= 500) findings.push(`without ${absent}: ${name}: ${answer.status}`);
        outcomes[answer.status < 300 ? 'taken' : 'refused']++;
        before = after;
      }
      for (const account of accounts) {
        const { status, body } = await account.http.get<{ permissions?: string[] }>('/v1/auth/me');
        const more = status === 200 ? (body.permissions ?? []).filter((name) => !held.has(name)) : [];
        if (more.length > 0) findings.push(`without ${absent}: ${account.id} holds ${more.join(', ')}`);
      }
    }
    expect(findings.join('\n')).toBe('');
    expect(outcomes.taken).toBeGreaterThan(100);
    console.log(
      `proof: privileges: random walks, seed ${SEED}: ${outcomes.taken} steps taken, ${outcomes.refused} refused, nobody climbed`,
    );
  });
});
