import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { Env } from '../config/env.js';
import { migrateDatabase } from './database/migrate.js';
import { openPostgres, type OpenPostgres } from './database/postgres.js';
import { Readiness } from './health/readiness.js';
import { MailWorker } from './mail/mail-worker.js';
import { createApp } from './server.js';
import { drain } from './server/drain.js';
import { FirstAdmin, type FirstAdminCredentials } from './users/first-admin.js';

export interface Service {
  /** Where it listens, for people on this machine. */
  readonly url: string;
  /** Answers the requests in flight, within `env.shutdownTimeoutMs`, then stops the database if it was started here. */
  stop(): Promise<void>;
}

/**
 * Everything from an empty machine to a listening service: database, schema, application, first admin, port. What was started is stopped
 * again when a later step fails.
 *
 * @param announce tells the operator who the first admin is; called on an empty database only
 * @throws Error with a message for the operator
 */
export function startService(
  env: Env,
  logger: Logger,
  announce: (admin: FirstAdminCredentials) => void,
): Promise<Service> {
  return onDatabase(env, logger, async (postgres) => {
    await migrate(env, logger, postgres);
    return serve(env, logger, postgres, (app) => app.get(FirstAdmin).ensure(announce));
  });
}

/**
 * A listening service on a database that was prepared.
 *
 * @param beforeListening what is to be done with the application before it serves
 * @throws Error with a message for the operator
 */
export function startPrepared(
  env: Env,
  logger: Logger,
  beforeListening: (app: NestFastifyApplication) => void,
): Promise<Service> {
  return onDatabase(env, logger, (postgres) => serve(env, logger, postgres, beforeListening));
}

/**
 * All that services need before one of them starts: database, schema, first keys, first admin. The database is for the caller to stop.
 *
 * @param announce tells the operator who the first admin is; called on an empty database only
 * @throws Error with a message for the operator
 */
export function prepareDatabase(
  env: Env,
  logger: Logger,
  announce: (admin: FirstAdminCredentials) => void,
): Promise<OpenPostgres> {
  return onDatabase(env, logger, async (postgres) => {
    await migrate(env, logger, postgres);
    const app = await createApp({ env, connection: postgres.connection, logger });
    try {
      await app.get(FirstAdmin).ensure(announce);
    } finally {
      await app.close();
    }
    return postgres;
  });
}

/** Stops the database again when that fails for which it was opened. */
async function onDatabase<T>(env: Env, logger: Logger, work: (postgres: OpenPostgres) => Promise<T>): Promise<T> {
  const postgres = await openPostgres(
    { ...(env.databaseUrl !== null && { databaseUrl: env.databaseUrl }), dataDir: env.dataDir },
    (message) => {
      logger.info(message);
    },
  );
  try {
    return await work(postgres);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function migrate(env: Env, logger: Logger, postgres: OpenPostgres): Promise<void> {
  await migrateDatabase(env.databaseMigrationUrl ?? postgres.connection.url, (message) => {
    logger.info(message);
  });
}

async function serve(
  env: Env,
  logger: Logger,
  postgres: OpenPostgres,
  beforeListening: (app: NestFastifyApplication) => void | Promise<void>,
): Promise<Service> {
  const app = await createApp({ env, connection: postgres.connection, logger });
  const service = { app, postgres, env };
  try {
    await beforeListening(app);
    await listen(service);
  } catch (error) {
    await app.close();
    throw error;
  }
  return { url: urlOf(service), stop: () => stop(service) };
}

interface Parts {
  app: NestFastifyApplication;
  postgres: OpenPostgres;
  env: Env;
}

async function listen({ app, env: { port, host } }: Parts): Promise<void> {
  try {
    await app.listen({ port, host });
  } catch (error) {
    throw cannotListen({ host, port }, error);
  }
  app.get(Readiness).serving();
  app.get(MailWorker).start();
}

export function cannotListen({ host, port }: Pick<Env, 'host' | 'port'>, error: unknown): Error {
  const { code } = error as { code?: unknown };
  const reason = code === 'EADDRINUSE' ? 'the port is in use' : messageOf(error);
  return new Error(`Cannot listen on ${host}, port ${port}: ${reason}`, { cause: error });
}

/** Loopback and "every address" are `localhost` to someone who sits at this machine. */
function urlOf({ app, env: { host } }: Parts): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const local = ['127.0.0.1', '0.0.0.0', '::1', '::', 'localhost'].includes(host);
  return `http://${local ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function stop({ app, postgres, env }: Parts): Promise<void> {
  app.get(Readiness).stopping();
  try {
    await drain(app, env.shutdownTimeoutMs);
  } finally {
    await postgres.stop();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
