import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN, logIn } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ORDERS_READ } from '../support/guarded-backends.js';
import { until } from '../support/until.js';
import { Asker, Fleet, nth } from './support/fleet.js';
import { REVOCATIONS, WIDE_REVOCATIONS, type Hands, type Revocation } from './support/revocations.js';
import { quantile, quantilesOf } from './support/statistics.js';

jest.setTimeout(300_000);

const ROUTE = '/orders';
const ROLE = 'readers';
/** So many revocations are under way at once. */
const LANES = 3;
/** Between two requests with a token that is about to end, in ms. */
const PAUSE = 2;
/** From the commit to the refusal of the last service, in ms, on a quiet machine. Ten times as much fails. */
const TARGET = 100;

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createDatabase();
  fleet = await Fleet.open(database);
  await (await logIn(fleet.http(0), ADMIN)).post('/v1/roles', { name: ROLE, permissions: [ORDERS_READ] });
});
afterAll(async () => {
  await fleet.close();
  await database.drop();
});

/** Does the work through one instance, as an admin of its own. */
async function handsAt(n: number): Promise<Hands> {
  const http = fleet.http(n);
  return { fleet, http, admin: await logIn(http, ADMIN), role: ROLE };
}

/** How long (ms) until the first and until the last service refused. */
interface Delay {
  first: number;
  last: number;
}

interface Outcome {
  kind: string;
  /** Since the answer that tells of the commit: less than since the commit. 0 where a service was faster. */
  sinceAnswer: Delay;
  /** Since before it was asked for: more than since the commit, by all that the instance did until then. */
  sinceQuestion: Delay;
}

/** How often a service could not decide, as when an instance did not answer in time. */
let undecided = 0;

async function decided(asker: Asker, token: string): Promise<string> {
  for (;;) {
    const verdict = await asker.ask(ROUTE, token);
    if (!verdict.startsWith('503')) return verdict;
    undecided++;
    await delay(PAUSE);
  }
}

/** Ends a token that all accept, sees each service refuse it for good, and meanwhile accept one that is not concerned. */
async function carryOut(
  { kind, reason, prepare }: Revocation,
  hands: Hands,
  askers: Asker[],
  bystander: string | undefined,
): Promise<Outcome> {
  const { token, revoke } = await prepare(hands);
  const before = await Promise.all(askers.map((asker) => decided(asker, token)));
  expect({ kind, before }).toEqual({ kind, before: askers.map(() => '200') });

  let answered = NaN;
  const asked = performance.now();
  const revoked = revoke().then(() => {
    answered = performance.now();
  });
  const refusals = await Promise.all(
    askers.map(async (asker) => {
      for (;;) {
        const verdict = await decided(asker, token);
        if (verdict !== '200') {
          expect({ kind, verdict, by: asker.service.name }).toEqual({
            kind,
            verdict: `401 ${reason}`,
            by: asker.service.name,
          });
          const at = performance.now();
          if (bystander !== undefined) {
            expect({ kind, bystander: await decided(asker, bystander) }).toEqual({ kind, bystander: '200' });
          }
          expect({ kind, again: await decided(asker, token) }).toEqual({ kind, again: verdict });
          return at;
        }
        await delay(PAUSE);
      }
    }),
  );
  await revoked;
  const after = await Promise.all(askers.map((asker) => decided(asker, token)));
  expect({ kind, after }).toEqual({ kind, after: askers.map(() => `401 ${reason}`) });
  const since = (moment: number): Delay => ({
    first: Math.max(0, Math.min(...refusals) - moment),
    last: Math.max(0, Math.max(...refusals) - moment),
  });
  return { kind, sinceAnswer: since(answered), sinceQuestion: since(asked) };
}

/** The moment of the commit lies between the two that are known. */
function print(outcomes: Outcome[], took: number): void {
  const bounds = (of: Outcome[], which: keyof Delay): string =>
    `${quantilesOf(of.map(({ sinceAnswer }) => sinceAnswer[which]))} after its answer, ` +
    `${quantilesOf(of.map(({ sinceQuestion }) => sinceQuestion[which]))} after it was asked for`;
  const kinds = [...new Set(outcomes.map(({ kind }) => kind))].map((kind) => {
    const of = outcomes.filter((outcome) => outcome.kind === kind);
    return `  ${kind} (${of.length}): ${bounds(of, 'last')}`;
  });
  console.log(
    [
      `proof: ${fleet.instances.length} instances, ${fleet.services.map(({ name }) => name).join(', ')}: ${outcomes.length} revocations in ${(took / 1000).toFixed(0)} s; ` +
        `the first service refused ${bounds(outcomes, 'first')}, the last ${bounds(outcomes, 'last')} (target p99 ${TARGET} ms); ` +
        `${undecided} requests could not be decided`,
      ...kinds,
    ].join('\n'),
  );
}

describe('what ends a token at one of several instances ends it at every service', () => {
  it('one by one, of every kind, and nobody else is refused', async () => {
    const due = REVOCATIONS.flatMap((revocation) => Array.from({ length: revocation.times }, () => revocation));
    // All kinds from the beginning to the end.
    const mixed = due.map((_, n) => nth(due, n * 83));
    expect(new Set(mixed.map(({ kind }) => kind)).size).toBe(REVOCATIONS.length);
    const outcomes: Outcome[] = [];
    const began = performance.now();
    await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        const hands = await handsAt(lane);
        const askers = fleet.services.map((service) => new Asker(service));
        const bystander = await prepareBystander(hands);
        for (let next = mixed.pop(); next; next = mixed.pop()) {
          outcomes.push(await carryOut(next, hands, askers, bystander));
        }
        for (const asker of askers) asker.close();
      }),
    );
    print(outcomes, performance.now() - began);
    expect(
      quantile(
        outcomes.map(({ sinceAnswer }) => sinceAnswer.last),
        0.99,
      ),
    ).toBeLessThan(10 * TARGET);
  });

  it('all at once, and who signs in afterwards is accepted', async () => {
    const askers = fleet.services.map((service) => new Asker(service));
    const outcomes: Outcome[] = [];
    const began = performance.now();
    for (const revocation of WIDE_REVOCATIONS) {
      for (let n = 0; n < revocation.times; n++) {
        outcomes.push(await carryOut(revocation, await handsAt(n), askers, undefined));
        const hands = await handsAt(n + 1);
        const token = await prepareBystander(hands);
        for (const asker of askers) {
          await until(
            `${revocation.kind}: a new token is accepted`,
            async () => (await decided(asker, token)) === '200',
          );
        }
      }
    }
    for (const asker of askers) asker.close();
    print(outcomes, performance.now() - began);
  });
});

/** A token that nothing of all this concerns. */
async function prepareBystander(hands: Hands): Promise<string> {
  const [revocation] = REVOCATIONS;
  return (await revocation?.prepare(hands))?.token ?? '';
}
