import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DestinationStream } from 'pino';
import { readEnv } from '../../config/env.js';
import type { Clock } from '../../src/common/clock.js';
import { createLogger } from '../../src/common/logging.js';
import { Readiness } from '../../src/health/readiness.js';
import { MailWorker } from '../../src/mail/mail-worker.js';
import { createApp } from '../../src/server.js';
import { drain } from '../../src/server/drain.js';
import { FirstAdmin } from '../../src/users/first-admin.js';
import { createDatabase, type TestDatabase } from './database.js';
import { HttpClient } from './http.js';

export const ADMIN = { username: 'admin', password: 'correct horse battery staple' };

export interface AppOptions {
  /** Environment variables, over those that make tests fast and quiet. */
  env?: Record<string, string>;
  /** The database of another app, to run a second instance on it. Whoever created it drops it. */
  database?: TestDatabase;
  clock?: Clock;
  /** A free one by default. */
  port?: number;
  /** Takes the log lines. Set `PORTCULLIS_LOG_LEVEL` as well. */
  log?: DestinationStream;
}

export interface TestApp {
  url: string;
  nest: NestFastifyApplication;
  database: TestDatabase;
  /** Where its outbox is. */
  dataDir: string;
  /** Sends no token. */
  http: HttpClient;
  /** A client that is logged in as the first admin, with a session of its own. */
  admin(): Promise<HttpClient>;
  close(): Promise<void>;
}

const FAST_AND_QUIET = {
  PORTCULLIS_LOG_LEVEL: 'silent',
  PORTCULLIS_RATE_LIMITS: 'off',
  PORTCULLIS_ARGON2_ALLOW_WEAK: 'on',
  PORTCULLIS_ARGON2_MEMORY_KIB: '64',
  PORTCULLIS_ARGON2_ITERATIONS: '1',
  PORTCULLIS_ADMIN_USERNAME: ADMIN.username,
  PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
  PORTCULLIS_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  PORTCULLIS_DATABASE_POOL_SIZE: '5',
};

/** The whole service in this process, on a free port and a database of its own. */
export async function startApp(options: AppOptions = {}): Promise<TestApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'portcullis-app-'));
  const env = readEnv({ ...FAST_AND_QUIET, PORTCULLIS_DATA_DIR: dataDir, ...options.env });
  const database = options.database ?? (await createDatabase());
  const nest = await createApp({
    env,
    connection: database,
    logger: createLogger(env, options.log),
    ...(options.clock && { clock: options.clock }),
  });
  await nest.get(FirstAdmin).ensure(() => undefined);
  await nest.listen({ port: options.port ?? 0, host: '127.0.0.1' });
  nest.get(Readiness).serving();
  nest.get(MailWorker).start();
  const url = await nest.getUrl();
  const http = new HttpClient(url);
  return {
    url,
    nest,
    database,
    dataDir,
    http,
    admin: () => logIn(http, ADMIN),
    close: async () => {
      await drain(nest, env.shutdownTimeoutMs);
      if (options.database === undefined) await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A client with the access token of a new session. */
export async function logIn(http: HttpClient, who: { username: string; password: string }): Promise<HttpClient> {
  const { status, body } = await http.post('/v1/auth/login', who);
  if (status !== 200) throw new Error(`${who.username} cannot log in: ${status} ${JSON.stringify(body)}`);
  return http.as(body.access_token as string);
}
