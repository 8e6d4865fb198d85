import cluster from 'node:cluster';
import { EnvError, readEnv, type Env } from '../config/env.js';
import { createLogger } from './common/logging.js';
import { Metrics } from './common/metrics.js';
import { startPrepared, startService, type Service } from './service.js';
import { releaseStartupMemory } from './startup-memory.js';
import type { FirstAdminCredentials } from './users/first-admin.js';
import type { ServingMessage } from './workers/crew.js';
import { shareMetrics } from './workers/metrics.js';
import { startWorkers } from './workers/workers.js';

/** Milliseconds that closing everything may take after the requests in flight have had their time. */
const CLOSING_TIME = 15_000;
/** Milliseconds. A terminal sends Ctrl-C to npm as well, which passes it on: that is one signal, not an impatient second one. */
const SAME_SIGNAL = 500;

const env = configuration();
const logger = cluster.worker ? createLogger(env).child({ worker: cluster.worker.id }) : createLogger(env);
const starting = start();
let listening = false;
let stoppingSince: number | undefined;

process.on('SIGTERM', onSignal);
process.on('SIGINT', onSignal);
process.on('uncaughtException', onFailure);
process.on('unhandledRejection', onFailure);

try {
  const { url } = await starting;
  listening = true;
  if (cluster.isWorker) {
    process.send?.({ about: 'serving', url } satisfies ServingMessage);
  } else {
    say(`Portcullis is listening on ${url}`);
    say(`Swagger UI: ${url}/docs`);
  }
  releaseStartupMemory();
} catch (error) {
  logger.debug({ err: error }, 'the start failed');
  fail(`Portcullis could not start. ${error instanceof Error ? error.message : String(error)}`);
}

function configuration(): Env {
  try {
    return readEnv();
  } catch (error) {
    if (error instanceof EnvError) fail(error.message);
    throw error;
  }
}

/** Alone, as one of several workers, or as the process that has them. */
function start(): Promise<Service> {
  if (cluster.isWorker) {
    return startPrepared(env, logger, (app) => {
      shareMetrics(app.get(Metrics));
    });
  }
  if (env.workers > 1) return startWorkers(env, logger, { firstAdmin: announce, giveUp });
  return startService(env, logger, announce);
}

function giveUp(error: Error): void {
  process.stderr.write(`Portcullis ends. ${error.message}\n`);
  onFailure(error);
}

function onSignal(signal: NodeJS.Signals, number: number): void {
  if (stoppingSince === undefined) {
    logger.info({ signal }, 'stopping');
    void stop(0);
  } else if (performance.now() - stoppingSince > SAME_SIGNAL) {
    process.exit(128 + number);
  }
}

function onFailure(error: unknown): void {
  logger.fatal({ err: error }, 'stopping because of an error that nothing handled');
  if (stoppingSince === undefined) void stop(1);
}

async function stop(exitCode: number): Promise<void> {
  stoppingSince = performance.now();
  // A start may wait long for an external database. Nothing has been started by then that must be stopped.
  if (!listening && env.databaseUrl !== null) process.exit(exitCode);
  setTimeout(() => process.exit(1), env.shutdownTimeoutMs + CLOSING_TIME);
  try {
    await (await starting).stop();
    process.exit(exitCode);
  } catch (error) {
    logger.fatal({ err: error }, 'the service did not stop cleanly');
    process.exit(1);
  }
}

function announce({ username, password }: FirstAdminCredentials): void {
  if (password === null) {
    say(`The first admin is ${username}, with the password that the configuration gives.`);
    return;
  }
  const lines = ['The first admin', '', `  name      ${username}`, `  password  ${password}`, ''];
  lines.push('To be changed at the first login. It is not shown again.');
  const width = Math.max(...lines.map((line) => line.length));
  say(`╭─${'─'.repeat(width)}─╮`);
  for (const line of lines) say(`│ ${line.padEnd(width)} │`);
  say(`╰─${'─'.repeat(width)}─╯`);
}

/** For people: what they need at once to use the service, and no log should keep. */
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
