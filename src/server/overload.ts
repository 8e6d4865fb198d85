import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { unavailable } from '../common/problem.js';
import { ExpectedWait } from './expected-wait.js';
import { isProbe } from './probes.js';

/** Milliseconds for a connection to the database. A request needs one a few times. */
const LONGEST_WAIT = 250;
/** Fewer per connection than this are never too many: a database that has come to a halt must not keep the guards from deciding. */
const ALWAYS_ADMITTED = 10;

/**
 * What other services wait for to decide about their own requests: an overload here must not become theirs. None of it waits for this pool: the
 * validity window has connections of its own.
 */
const DECISIONS_ELSEWHERE = new Set(['/v1/validity/events', '/v1/auth/check', '/v1/auth/check/*']);

const OVERLOADED = unavailable('More is being asked than can be answered right now.');

/**
 * Refuses requests before anything is done for them, while so many wait for the database that they would wait too long. Without that
 * all would wait for one another, until every client has given up on what it is then answered.
 */
export function shedLoad(
  fastify: FastifyInstance,
  pool: Pick<Pool, 'on' | 'waitingCount' | 'options'>,
  monotonic = () => performance.now(),
): void {
  const always = ALWAYS_ADMITTED * pool.options.max;
  const wait = new ExpectedWait(monotonic);
  pool.on('acquire', () => wait.noteServed(pool.waitingCount));
  fastify.addHook('onRequest', (request, _reply, done) => {
    const overloaded = wait.of(pool.waitingCount) > LONGEST_WAIT && pool.waitingCount > always;
    const exempt = isProbe(request) || DECISIONS_ELSEWHERE.has(request.routeOptions.url ?? '');
    done(overloaded && !exempt ? OVERLOADED : undefined);
  });
}
