import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { destination } from 'pino';
import { readEnv, type Env } from '../../config/env.js';
import { AppModule } from '../app.module.js';
import { Clock } from '../common/clock.js';
import { NestLogger, createLogger } from '../common/logging.js';
import { openPostgres } from '../database/postgres.js';
import { isBehind, migrateDatabase } from '../database/migrate.js';
import { CliError } from './cli-error.js';

/** What a command may use of the service: any of its rooms' services, on the same database, beside running instances. */
export type Application = Pick<INestApplicationContext, 'get'>;

/**
 * Does work with the rooms of the service but without its server. The database is the one that the configuration names: an external one, the embedded
 * one of a running service, or, when none runs, the embedded one started for as long as this takes.
 *
 * @throws CliError when the database is not of this version's schema
 */
export async function withApplication<T>(work: (application: Application, env: Env) => Promise<T>): Promise<T> {
  const env = configuration();
  return withDatabase(env, async (url, log) => {
    if (await isBehind(env.databaseMigrationUrl ?? url)) {
      throw new CliError('The database is not of this version: start the service, or run `portcullis migrate`.');
    }
    const application = await NestFactory.createApplicationContext(
      AppModule.in({ env, connection: { url }, logger: log, clock: new Clock() }),
      { logger: new NestLogger(log), abortOnError: false },
    );
    try {
      return await work(application, env);
    } finally {
      await application.close();
    }
  });
}

/** Applies the pending migrations, and returns their names. */
export async function migrateConfigured(): Promise<string[]> {
  const env = configuration();
  return withDatabase(env, (url, log) =>
    migrateDatabase(env.databaseMigrationUrl ?? url, (message) => {
      log.info(message);
    }),
  );
}

/** What a command does it says by its answer; of its log only what is less usual than that is wanted. */
function configuration(): Env {
  const env = readEnv();
  return env.logLevel === 'info' ? { ...env, logLevel: 'warn' } : env;
}

async function withDatabase<T>(
  env: Env,
  work: (url: string, log: ReturnType<typeof createLogger>) => Promise<T>,
): Promise<T> {
  const log = createLogger(env, destination({ fd: 2, sync: true }));
  const postgres = await openPostgres(
    { ...(env.databaseUrl !== null && { databaseUrl: env.databaseUrl }), dataDir: env.dataDir },
    (message) => {
      log.info(message);
    },
  );
  try {
    return await work(postgres.connection.url, log);
  } finally {
    await postgres.stop();
  }
}
