import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import type { VerifyTokenOptions } from './verifier-options.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { AccessError, portcullis } from './fastify.js';
import { principalOf, type Principal } from './principal.js';

const asked: VerifyTokenOptions[] = [];

/** Accepts `good` and gives no answer about `stale`. */
const verifier = {
  audience: 'urn:orders',
  verify(token: string, options: VerifyTokenOptions = {}): Promise<Principal> {
    asked.push(options);
    if (token === 'stale') return Promise.reject(new StaleWindowError('cut'));
    if (token === 'fault') return Promise.reject(new TypeError('a fault'));
    if (token !== 'good') return Promise.reject(new VerificationError('bad_signature', { signatureValid: false }));
    const claims = { iss: 'i', sub: 'u1', aud: 'urn:orders', exp: 300, iat: 0, jti: 't1', client_id: 'c' };
    return Promise.resolve(principalOf({ ...claims, roles: ['clerk'] }, 1));
  },
};

let app: FastifyInstance;
let passing: FastifyInstance;

beforeAll(async () => {
  app = Fastify();
  await app.register(portcullis, { verifier });
  app.get('/open', ({ auth }) => ({ auth }));
  app.get('/me', { onRequest: app.requireAuth() }, ({ auth }) => ({ subject: auth?.subject }));
  // In a part of its own, which sees what the whole has registered.
  await app.register((part) => {
    part.addHook('preHandler', part.requireAuth({ roles: ['clerk'], maxStaleness: 100 }));
    part.get('/clerk', ({ auth }) => ({ roles: auth?.roles }));
    part.get('/admin', { preHandler: part.requireAuth({ roles: ['admin'] }) }, () => ({ secret: true }));
  });
  passing = Fastify();
  await passing.register(portcullis, { verifier, passErrors: true });
  passing.get('/me', { onRequest: passing.requireAuth() }, () => ({ secret: true }));
  passing.get(
    '/own',
    {
      onRequest: passing.requireAuth(),
      errorHandler: (error, _request, reply) => void reply.code(418).send({ refused: error instanceof AccessError }),
    },
    () => ({ secret: true }),
  );
  for (const one of [app, passing]) await one.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await app.close();
  await passing.close();
});

interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
}

async function ask(to: FastifyInstance, path: string, token?: string): Promise<Answer> {
  const url = to.listeningOrigin + path;
  const response = await fetch(url, { ...(token && { headers: { authorization: `Bearer ${token}` } }) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe('the plugin for Fastify', () => {
  it('lets an accepted token pass and tells whose it is, also in parts of the application', async () => {
    expect((await ask(app, '/me', 'good')).body).toEqual({ subject: 'u1' });
    expect((await ask(app, '/clerk', 'good')).body).toEqual({ roles: ['clerk'] });
    expect(asked.at(-1)).toEqual({ maxStaleness: 100 });
    expect((await ask(app, '/open', 'good')).body).toEqual({ auth: null });
  });

  it('answers as RFC 6750 and RFC 9457 say', async () => {
    const none = await ask(app, '/me');
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="urn:orders"');
    expect(none.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(none.headers.get('cache-control')).toBe('no-store');
    expect(none.body).toMatchObject({ code: 'token_required', type: 'urn:portcullis:problem:token_required' });

    const bad = await ask(app, '/me', 'bad');
    expect(bad.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expect(bad.body).not.toHaveProperty('reason');

    const lacking = await ask(app, '/admin', 'good');
    expect(lacking.status).toBe(403);
    expect(lacking.body).toMatchObject({ detail: 'This needs the role admin.' });

    const stale = await ask(app, '/me', 'stale');
    expect([stale.status, stale.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await ask(app, '/me', 'fault')).status).toBe(500);
  });

  it('throws where that is wanted, what Fastify can answer or a handler of errors can look at', async () => {
    const answered = await ask(passing, '/me');
    expect(answered.status).toBe(401);
    expect(answered.headers.get('www-authenticate')).toBe('Bearer realm="urn:orders"');
    expect((await ask(passing, '/own', 'good')).status).toBe(200);
    expect((await ask(passing, '/own')).body).toEqual({ refused: true });
  });
});
