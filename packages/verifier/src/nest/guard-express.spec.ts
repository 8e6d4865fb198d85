import 'reflect-metadata';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector, type HttpAdapterHost } from '@nestjs/core';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { Verifier } from '../create-verifier.js';
import { StaleWindowError, VerificationError } from '../errors.js';
import { principalOf, type Principal } from '../principal.js';
import { Public, Requires } from './decorators.js';
import { PortcullisGuard } from './guard.js';
import { AccessException, AccessExceptionFilter } from './refusal.js';

// The guard before Express's own requests, and its answers by Express's own responses. Between them and Nest stand here the few lines of Nest's
// adapter for Express that they touch.

class Orders {
  @Requires({ permissions: ['orders:read'] })
  list(): void {
    return undefined;
  }

  @Requires({ permissions: ['orders:write'] })
  write(): void {
    return undefined;
  }

  @Public()
  health(): void {
    return undefined;
  }

  undecided(): void {
    return undefined;
  }
}

const verifier = {
  audience: 'urn:orders',
  verify(token: string): Promise<Principal> {
    if (token === 'stale') return Promise.reject(new StaleWindowError('cut'));
    if (token !== 'good') return Promise.reject(new VerificationError('expired', { signatureValid: true }));
    const claims = { iss: 'i', sub: 'u1', aud: 'urn:orders', exp: 300, iat: 0, jti: 't1', client_id: 'c' };
    return Promise.resolve(principalOf({ ...claims, permissions: ['orders:read'] }, 1));
  },
} as Pick<Verifier, 'audience' | 'verify'> as Verifier;

const host = {
  httpAdapter: {
    setHeader: (response: Response, name: string, value: string) => response.set(name, value),
    reply: (response: Response, body: string, status: number) => response.status(status).send(body),
  },
} as unknown as HttpAdapterHost;

const guard = new PortcullisGuard(verifier, new Reflector(), host);
const filter = new AccessExceptionFilter(host);

function guarded(handler: keyof Orders) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const context = {
      getType: () => 'http',
      getClass: () => Orders,
      getHandler: () => Object.getOwnPropertyDescriptor(Orders.prototype, handler)?.value as unknown,
      switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }),
    } as unknown as ExecutionContext;
    guard.canActivate(context).then(
      (may) => (may ? response.json({ subject: request.auth?.subject ?? null }) : next()),
      (error: unknown) => {
        if (error instanceof AccessException) filter.catch(error, context);
        else next(error);
      },
    );
  };
}

let server: Server;
let url: string;
beforeAll(async () => {
  const app = express();
  for (const handler of ['list', 'write', 'health', 'undecided'] as const) app.get(`/${handler}`, guarded(handler));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it.each([
  ['/list', 'good', 200, null],
  ['/list', undefined, 401, 'Bearer realm="urn:orders"'],
  ['/list', 'old', 401, 'Bearer error="invalid_token"'],
  ['/write', 'good', 403, 'Bearer error="insufficient_scope", scope="orders:write"'],
  ['/list', 'stale', 503, null],
  ['/undecided', undefined, 401, 'Bearer realm="urn:orders"'],
  ['/undecided', 'good', 200, null],
  ['/health', undefined, 200, null],
])('%s with the token %s is answered %d on Express', async (path, token, status, challenge) => {
  const answer = await fetch(`${url}${path}`, { ...(token && { headers: { authorization: `Bearer ${token}` } }) });
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([status, challenge]);
  const type = status === 200 ? 'application/json; charset=utf-8' : 'application/problem+json; charset=utf-8';
  expect(answer.headers.get('content-type')).toBe(type);
  const subject = path === '/health' ? null : 'u1';
  expect(await answer.json()).toMatchObject(status === 200 ? { subject } : { status });
});

it('does not take one of two tokens on Express either', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    'GET /list HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer good\r\nauthorization: Bearer old\r\n\r\n',
  );
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(/^HTTP\/1\.1 401 /);
});
