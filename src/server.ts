import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { AppModule, type Surroundings } from './app.module.js';
import { Clock } from './common/clock.js';
import { NestLogger } from './common/logging.js';
import { Metrics } from './common/metrics.js';
import { acceptBodies } from './server/bodies.js';
import { allowOrigins } from './server/cross-origin.js';
import { ignoreUnknownExpectations } from './server/expectations.js';
import { fastifyOptions } from './server/fastify-options.js';
import { answerWrongMethods } from './server/methods.js';
import { observeRequests } from './server/observation.js';
import { shedLoad } from './server/overload.js';
import { setSecurityHeaders } from './server/security-headers.js';
import { documentApi } from './swagger.js';

/**
 * Builds the whole application on a migrated database, initialised and ready to listen. `drain` closes it; the database server stays with
 * whoever opened it.
 */
export async function createApp({
  clock = new Clock(),
  ...given
}: Omit<Surroundings, 'clock'> & { clock?: Clock }): Promise<NestFastifyApplication> {
  const surroundings: Surroundings = { ...given, clock };
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.in(surroundings),
    new FastifyAdapter(fastifyOptions(surroundings)),
    { logger: new NestLogger(surroundings.logger), bodyParser: false, abortOnError: false },
  );
  const fastify = app.getHttpAdapter().getInstance();
  // Hooks run in this order, and only for routes that are added after them.
  observeRequests(fastify, app.get(Metrics));
  setSecurityHeaders(fastify);
  shedLoad(fastify, (app.get(DataSource).driver as unknown as { master: Pool }).master);
  answerWrongMethods(fastify);
  acceptBodies(fastify);
  ignoreUnknownExpectations(app.getHttpServer());
  allowOrigins(app, surroundings.env.corsOrigins);
  documentApi(app, surroundings.env.issuer);
  return app.init();
}
