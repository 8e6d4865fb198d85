import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { Env } from '../config/env.js';
import { migrateDatabase } from './database/migrate.js';
import { openPostgres, type OpenPostgres } from './database/postgres.js';
import { Readiness } from './health/readiness.js';
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
export async function startService(
  env: Env,
  logger: Logger,
  announce: (admin: FirstAdminCredentials) => void,
): Promise<Service> {
  const log = (message: string): void => {
    logger.info(message);
  };
  const postgres = await openPostgres(
    { ...(env.databaseUrl !== null && { databaseUrl: env.databaseUrl }), dataDir: env.dataDir },
    log,
  );
  try {
    await migrateDatabase(env.databaseMigrationUrl ?? postgres.connection.url, log);
    const app = await createApp({ env, connection: postgres.connection, logger });
    const service = { app, postgres, env };
    try {
      await app.get(FirstAdmin).ensure(announce);
      await listen(service);
    } catch (error) {
      await app.close();
      throw error;
    }
    return { url: urlOf(service), stop: () => stop(service) };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
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
    const { code } = error as { code?: unknown };
    const reason = code === 'EADDRINUSE' ? 'the port is in use' : messageOf(error);
    throw new Error(`Cannot listen on ${host}, port ${port}: ${reason}`, { cause: error });
  }
  app.get(Readiness).serving();
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
