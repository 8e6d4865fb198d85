import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { startApp, type TestApp } from '../support/app.js';
import { MailServer } from '../support/mail-server.js';
import { addressMutations } from './support/address-mutations.js';
import { answerProblems } from './support/answer-check.js';
import { bodyMutations, CONTENT_TYPES, RAW_BODIES } from './support/body-mutations.js';
import { MailedLinks } from './support/mailed-links.js';
import { Fixtures, type Fixture } from './support/fixtures.js';
import { AUTHORIZATION_MUTATIONS, HEADER_MUTATIONS } from './support/header-mutations.js';
import { Api, type Operation, type Schema } from './support/openapi.js';
import { validDraft, written, type Draft, type Mutation } from './support/request-draft.js';
import { describeRequest, exchange, type WireAnswer } from './support/wire.js';

jest.setTimeout(1_200_000);

/** Of the random part; the rest is the same every time. */
const SEED = Number(process.env['PROOF_SEED'] ?? 20_260_101);
const RANDOM_BODIES = 40;
/** Each operation is sent every so many of its mutations, each operation and each seed others: `PROOF_SHARE=1` sends them all. */
const SHARE = Number(process.env['PROOF_SHARE'] ?? 6);
/** Much longer than any answer takes on a busy machine, and shorter than the service's own limit for a request (15 s). */
const LONGEST_MS = 10_000;
/** The primes of an RSA key of 4096 bits are found by luck, in two to five seconds of a processor's time. */
const LONGEST_SEARCH_MS = 60_000;
const MAKING_KEYS = new Set(['audiencesCreate', 'audiencesUpdate', 'keysRotate']);

/** For tokens that outlive the proof, on a busy machine too. */
const LASTING = { PORTCULLIS_ACCESS_TOKEN_TTL: '1h', PORTCULLIS_REGISTRATION: 'on' };

let app: TestApp;
let mailServer: MailServer;
let api: Api;
let fixtures: Fixtures;
const figures = { operations: 0, fewest: Infinity, requests: 0, slowestMs: 0, byStatus: new Map<number, number>() };

beforeAll(async () => {
  mailServer = await MailServer.start();
  app = await startApp({ env: { ...LASTING, PORTCULLIS_SMTP_URL: mailServer.url } });
  api = await Api.of(app.url);
  const admin = await app.admin();
  fixtures = new Fixtures(api, admin, 'http://localhost:3000', new MailedLinks(admin, mailServer));
});
afterAll(async () => {
  const statuses = [...figures.byStatus].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(
    `proof: input: ${figures.operations} operations, at least ${figures.fewest} mutations each, ${figures.requests} requests, ` +
      `slowest ${Math.round(figures.slowestMs)} ms, seed ${SEED}; ${statuses.join(', ')}`,
  );
  await app.close();
  await mailServer.stop();
});

// Made once: each of its kind takes the unit of all Unicode apart anew.
const TEXT = fc.string({ unit: 'binary', maxLength: 300 });
const VALUE = fc.oneof(fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }), TEXT, fc.array(TEXT));

/** Objects of the right field names and any values, and objects of any names. */
function randomBodies(schema: Schema): Mutation[] {
  const names = fc.oneof(fc.constantFrom(...Object.keys(schema.properties ?? {})), TEXT);
  const bodies = fc.sample(fc.dictionary(names, VALUE), { seed: SEED, numRuns: RANDOM_BODIES });
  return bodies.map((json, index) => ({
    name: `random body ${index}`,
    apply: (draft) => ({ ...draft, body: { json: { ...(index % 2 === 0 && jsonOf(draft)), ...json } } }),
  }));
}

function jsonOf({ body }: Draft): Record<string, unknown> {
  return body && 'json' in body ? body.json : {};
}

function mutationsOf(operation: Operation): Mutation[] {
  const schema = api.bodyOf(operation);
  const bodies = schema ? [...bodyMutations(schema), ...randomBodies(schema)] : asJson(RAW_BODIES);
  const all = [...addressMutations(operation), ...HEADER_MUTATIONS, ...bodies, ...CONTENT_TYPES];
  const turn = SEED + api.operations.indexOf(operation);
  return all.filter((_, index) => (index + turn) % SHARE === 0);
}

/** A public operation does not look at the token, and a guarded one hardly at anything without it. */
function waysToSend({ security }: Operation, index: number): boolean[] {
  if (security.length === 0) return [index % 2 === 0];
  return index % 4 === 0 ? [true, false] : [true];
}

/** For operations that take no body, and are sent one all the same. */
function asJson(mutations: readonly Mutation[]): Mutation[] {
  return mutations.map(({ name, apply }) => ({
    name,
    apply: (draft) => ({ ...apply(draft), headers: [...draft.headers, ['Content-Type', 'application/json']] }),
  }));
}

/** Where a token is taken: it would be the wrong proof for a client that asks for one. */
const withToken = (operation: Operation, draft: Draft, { sender }: Fixture): Draft => {
  if (!operation.security.some((scheme) => 'bearer' in scheme)) return draft;
  return { ...draft, headers: [...draft.headers, ['Authorization', `Bearer ${sender.accessToken}`]] };
};

/** After a 401: without a token to refuse, what was refused is what the request is about. */
const isSpent = async ({ security }: Operation, fixture: Fixture): Promise<boolean> =>
  security.length === 0 || (await fixtures.isOver(fixture));

async function send(draft: Draft): Promise<WireAnswer> {
  const answer = await exchange(app.url, written(draft));
  figures.requests++;
  figures.slowestMs = Math.max(figures.slowestMs, answer.ms);
  figures.byStatus.set(answer.status, (figures.byStatus.get(answer.status) ?? 0) + 1);
  return answer;
}

/** What is wrong with the answer, and the request that got it. */
function findingsOn(operation: Operation, name: string, draft: Draft, answer: WireAnswer): string[] {
  const problems = answerProblems(api, operation, answer);
  const longest = MAKING_KEYS.has(operation.operationId) ? LONGEST_SEARCH_MS : LONGEST_MS;
  if (answer.ms > longest) problems.push(`it took ${Math.round(answer.ms)} ms`);
  const request = describeRequest(written(draft));
  return problems.map((problem) => `${operation.operationId}, ${name}: ${problem}\n${request}`);
}

async function attack(operation: Operation, mutations: readonly Mutation[]): Promise<string[]> {
  const findings: string[] = [];
  let fixture = await fixtures.for(operation);
  for (const [index, { name, apply }] of mutations.entries()) {
    for (const sentWithToken of waysToSend(operation, index)) {
      const draft = apply(validDraft(operation, fixture));
      const sent = sentWithToken ? withToken(operation, draft, fixture) : draft;
      const answer = await send(sent);
      findings.push(...findingsOn(operation, `${name}${sentWithToken ? '' : ', no token'}`, sent, answer));
      if (operation.method === 'GET') continue;
      // It may have used up what the next one is about, or the token.
      const spent =
        answer.status < 300 || (sentWithToken && answer.status === 401 && (await isSpent(operation, fixture)));
      if (spent) fixture = await fixtures.for(operation);
    }
  }
  return findings;
}

describe('whatever is sent to an operation', () => {
  it('the requests are right before something is made wrong about them', async () => {
    for (const operation of api.operations) {
      const fixture = await fixtures.for(operation);
      const draft = withToken(operation, validDraft(operation, fixture), fixture);
      const answer = await send(draft);
      expect([operation.operationId, answer.status < 300, answer.body]).toEqual([
        operation.operationId,
        true,
        answer.body,
      ]);
      expect(findingsOn(operation, 'as documented', draft, answer)).toEqual([]);
    }
  });

  it('is answered as the document says, with and without a token', async () => {
    const findings: string[] = [];
    for (const operation of api.operations) {
      const mutations = mutationsOf(operation);
      expect(mutations.length).toBeGreaterThanOrEqual(20);
      figures.operations++;
      figures.fewest = Math.min(figures.fewest, mutations.length);
      findings.push(...(await attack(operation, mutations)));
      findings.push(...(await attackWithoutToken(operation)));
    }
    expect(findings.join('\n\n')).toBe('');
  });

  it('leaves the service as it was', async () => {
    const { status, body } = await app.http.get('/health/ready');
    expect([status, body['status']]).toEqual([200, 'ok']);
    expect(await app.admin()).toBeDefined();
  });
});

async function attackWithoutToken(operation: Operation): Promise<string[]> {
  const findings: string[] = [];
  const fixture = await fixtures.for(operation);
  for (const { name, apply } of AUTHORIZATION_MUTATIONS) {
    const draft = apply(validDraft(operation, fixture));
    const answer = await send(draft);
    findings.push(...findingsOn(operation, name, draft, answer));
    if (operation.security.length > 0 && operation['x-permissions'] && answer.status < 400)
      findings.push(`${operation.operationId}, ${name}: let in\n${describeRequest(written(draft))}`);
  }
  return findings;
}
