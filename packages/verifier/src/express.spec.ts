import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { VerifyTokenOptions } from './verifier-options.js';
import { StaleWindowError, VerificationError } from './errors.js';
import { AccessError, bearerAuth } from './express.js';
import { principalOf, type Principal } from './principal.js';

const asked: VerifyTokenOptions[] = [];

/** Accepts `good` and gives no answer about `stale`. */
const verifier = {
  audience: 'urn:orders',
  verify(token: string, options: VerifyTokenOptions = {}): Promise<Principal> {
    asked.push(options);
    if (token === 'stale') return Promise.reject(new StaleWindowError('cut'));
    if (token === 'fault') return Promise.reject(new TypeError('a fault'));
    if (token !== 'good') return Promise.reject(new VerificationError('expired', { signatureValid: true }));
    const claims = { iss: 'i', sub: 'u1', aud: 'urn:orders', exp: 300, iat: 0, jti: 't1', client_id: 'c' };
    return Promise.resolve(principalOf({ ...claims, permissions: ['orders:read'] }, 1));
  },
};

let server: Server;
let url: string;

beforeAll(async () => {
  const app = express();
  const requireAuth = bearerAuth(verifier);
  const subjectOf = (request: Request, response: Response): void => {
    response.json({ subject: request.auth?.subject });
  };
  app.get('/me', requireAuth(), subjectOf);
  app.get('/read', requireAuth({ permissions: ['orders:read'], maxStaleness: 0, onStale: 'introspect' }), subjectOf);
  app.get('/write', requireAuth({ permissions: ['orders:write'] }), subjectOf);
  app.get('/passed', bearerAuth(verifier, { passErrors: true })({ permissions: ['orders:write'] }), subjectOf);
  app.get('/forwarded', bearerAuth(verifier, { passErrors: true })(), subjectOf);
  // Express knows it for a handler of errors by its four parameters.
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (request.path === '/forwarded') next(error);
    else
      response
        .status(418)
        .json({ name: (error as Error).name, refused: error instanceof AccessError, auth: request.auth ?? null });
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await once(server, 'close');
});

async function ask(path: string, token?: string): Promise<{ status: number; headers: Headers; body: unknown }> {
  const response = await fetch(url + path, { ...(token && { headers: { authorization: `Bearer ${token}` } }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
}

describe('the middleware for Express', () => {
  it('lets an accepted token pass and tells whose it is', async () => {
    expect(await ask('/me', 'good')).toMatchObject({ status: 200, body: { subject: 'u1' } });
  });

  it('answers as RFC 6750 and RFC 9457 say', async () => {
    const none = await ask('/me');
    expect(none).toMatchObject({ status: 401, body: { code: 'token_required', status: 401 } });
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="urn:orders"');
    expect(none.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(none.headers.get('cache-control')).toBe('no-store');

    const bad = await ask('/me', 'bad');
    expect(bad).toMatchObject({ status: 401, body: { code: 'invalid_token', reason: 'expired' } });
    expect(bad.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');

    const lacking = await ask('/write', 'good');
    expect(lacking).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    expect(lacking.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="orders:write"');

    const stale = await ask('/me', 'stale');
    expect(stale).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(stale.headers.get('retry-after')).toBe('1');
  });

  it('hands on what the route says about knowledge that is old', async () => {
    await ask('/read', 'good');
    expect(asked.at(-1)).toEqual({ maxStaleness: 0, onStale: 'introspect' });
    await ask('/me', 'good');
    expect(asked.at(-1)).toEqual({});
  });

  it('passes errors on where that is wanted, and its own faults always', async () => {
    expect(await ask('/passed', 'good')).toMatchObject({
      status: 418,
      body: { refused: true, name: 'AccessError', auth: null },
    });
    expect(await ask('/me', 'fault')).toMatchObject({ status: 418, body: { refused: false, name: 'TypeError' } });
  });

  it('gives Express what its own handler of errors needs', async () => {
    const { status, headers } = await ask('/forwarded');
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="urn:orders"');
  });

  it('is not made with requirements that require nothing by mistake', () => {
    expect(() => bearerAuth(verifier)({ role: ['admin'] } as object)).toThrow('no requirement "role"');
  });
});
