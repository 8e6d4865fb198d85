import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createVerifier, Verifier, type Principal, type VerifierOptions } from '@portcullis/verifier';
import { bearerAuth } from '@portcullis/verifier/express';
import { portcullis } from '@portcullis/verifier/fastify';
import { CurrentPrincipal, PortcullisModule, Public, Requires } from '@portcullis/verifier/nest';
import express from 'express';
import fastify from 'fastify';

/** A service of somebody else that guards its routes with the verifier: `/open`, `/me`, `/orders`, `/admin` and `/asked`. */
export interface GuardedBackend {
  readonly url: string;
  readonly verifier: Verifier;
  close(): Promise<void>;
}

export const ORDERS_READ = 'orders:read';
const TO_READ = { permissions: [ORDERS_READ] };
const AS_ADMIN = { roles: ['admin'] };
/** While the feed is cut, the issuer is asked about each token. */
const ASKED = { onStale: 'introspect' } as const;

async function withExpress(options: VerifierOptions): Promise<GuardedBackend> {
  const verifier = createVerifier(options);
  await verifier.ready();
  const requireAuth = bearerAuth(verifier);
  const subjectOf: express.RequestHandler = (request, response) => {
    response.json({ subject: request.auth?.subject });
  };
  const app = express()
    .get('/open', subjectOf)
    .get('/me', requireAuth(), subjectOf)
    .get('/orders', requireAuth(TO_READ), subjectOf)
    .get('/admin', requireAuth(AS_ADMIN), subjectOf)
    .get('/asked', requireAuth(ASKED), subjectOf);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await verifier.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, verifier, close };
}

async function withFastify(options: VerifierOptions): Promise<GuardedBackend> {
  const verifier = createVerifier(options);
  await verifier.ready();
  const app = fastify({ forceCloseConnections: true });
  await app.register(portcullis, { verifier });
  app.addHook('onClose', () => verifier.close());
  const subjectOf = ({ auth }: { auth: Principal | null }): object => ({ subject: auth?.subject });
  app.get('/open', subjectOf);
  app.get('/me', { onRequest: app.requireAuth() }, subjectOf);
  app.get('/orders', { onRequest: app.requireAuth(TO_READ) }, subjectOf);
  app.get('/admin', { onRequest: app.requireAuth(AS_ADMIN) }, subjectOf);
  app.get('/asked', { onRequest: app.requireAuth(ASKED) }, subjectOf);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, verifier, close: () => app.close() };
}

@Controller()
class Routes {
  @Get('open')
  @Public()
  open(): object {
    return {};
  }

  @Get('me')
  me(@CurrentPrincipal() { subject }: Principal): object {
    return { subject };
  }

  @Get('orders')
  @Requires(TO_READ)
  orders(@CurrentPrincipal() { subject }: Principal): object {
    return { subject };
  }

  @Get('admin')
  @Requires(AS_ADMIN)
  admin(@CurrentPrincipal() { subject }: Principal): object {
    return { subject };
  }

  @Get('asked')
  @Requires(ASKED)
  asked(@CurrentPrincipal() { subject }: Principal): object {
    return { subject };
  }
}

async function withNest(options: VerifierOptions): Promise<GuardedBackend> {
  @Module({ imports: [PortcullisModule.forRoot(options)], controllers: [Routes] })
  class Backend {}
  const adapter = new FastifyAdapter({ forceCloseConnections: true });
  const app = await NestFactory.create<NestFastifyApplication>(Backend, adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), verifier: app.get(Verifier), close: () => app.close() };
}

export const GUARDED_BACKENDS: readonly [name: string, start: (options: VerifierOptions) => Promise<GuardedBackend>][] =
  [
    ['Express', withExpress],
    ['Fastify', withFastify],
    ['Nest', withNest],
  ];
