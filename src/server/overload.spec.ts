import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fastify as createFastify, type FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { Problem } from '../common/problem.js';
import { shedLoad } from './overload.js';

const EXEMPT = [
  '/v1/validity/events',
  '/v1/auth/check',
  '/v1/auth/check/*',
  '/health/live',
  '/health/ready',
  '/metrics',
];

const started: FastifyInstance[] = [];
afterEach(async () => {
  for (const fastify of started.splice(0)) await fastify.close();
});

/** A service with a pool of four connections, so that forty may always wait, on a clock that the test moves. */
function setUp() {
  let now = 0;
  const pool = Object.assign(new EventEmitter(), { waitingCount: 0, options: { max: 4 } });
  const fastify = createFastify({ forceCloseConnections: true });
  shedLoad(fastify, pool as unknown as Pool, () => now);
  for (const url of ['/v1/users', ...EXEMPT]) {
    fastify.get(url, () => 'served');
  }
  fastify.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof Problem)) throw error;
    return reply.status(error.getStatus()).headers(error.headers).send(error.code);
  });
  started.push(fastify);
  const listening = fastify.listen({ port: 0, host: '127.0.0.1' });
  const ask = async (path = '/v1/users') => {
    const { status, headers } = await fetch(`${await listening}${path}`);
    return { status, retryAfter: headers.get('retry-after') };
  };
  return {
    ask,
    /** So many wait from now on, of whom one is served each so many ms, for so long. */
    wait: async (count: number, eachMs: number, forMs: number) => {
      pool.waitingCount = count;
      await ask();
      for (let ms = eachMs; ms <= forMs; ms += eachMs) {
        now += eachMs;
        pool.emit('acquire');
      }
    },
    pass: (ms: number) => (now += ms),
  };
}

describe('requests that would have to wait for the database', () => {
  it('are served while nobody waits, or for a short time only', async () => {
    const { ask, wait } = setUp();
    expect(await ask()).toEqual({ status: 200, retryAfter: null });
    await wait(200, 1, 1_000);
    expect(await ask()).toEqual({ status: 200, retryAfter: null });
  });

  it('are told to come back when they would wait for long, and served when that is over', async () => {
    const { ask, wait } = setUp();
    await wait(200, 2, 1_000);
    expect(await ask()).toEqual({ status: 503, retryAfter: '1' });
    await wait(0, 2, 10);
    expect(await ask()).toEqual({ status: 200, retryAfter: null });
  });

  it('are served in a burst that has only begun', async () => {
    const { ask, wait } = setUp();
    await wait(1_000, 2, 200);
    expect(await ask()).toEqual({ status: 200, retryAfter: null });
  });

  it('are let through to the guards while few wait for a database that has come to a halt, and refused when many do', async () => {
    const { ask, wait, pass } = setUp();
    await wait(40, 1, 0);
    pass(10_000);
    expect(await ask()).toEqual({ status: 200, retryAfter: null });
    await wait(41, 1, 0);
    pass(10_000);
    expect(await ask()).toEqual({ status: 503, retryAfter: '1' });
  });

  it.each(EXEMPT)('are another thing than %s', async (url) => {
    const { ask, wait } = setUp();
    await wait(200, 2, 1_000);
    expect(await ask(url)).toEqual({ status: 200, retryAfter: null });
  });
});
