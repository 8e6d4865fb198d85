import cluster from 'node:cluster';
import type { Logger } from 'pino';
import type { Env } from '../config/env.js';
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

/** The service as the work of this process: started, announced to whoever waits for it, and ended by signals and by errors that nothing handled. */
export class ServingProcess {
  private readonly logger: Logger;
  private starting: Promise<Service>;
  private listening = false;
  private stoppingSince: number | undefined;

  constructor(private readonly env: Env) {
    const logger = createLogger(env);
    this.logger = cluster.worker ? logger.child({ worker: cluster.worker.id }) : logger;
  }

  /** Resolves when the service listens. Where it cannot, says why and ends the process. */
  async run(): Promise<void> {
    this.starting = this.start();
    const onFailure = (error: unknown): void => {
      this.onFailure(error);
    };
    const onSignal = (signal: NodeJS.Signals, number: number): void => {
      this.onSignal(signal, number);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    process.on('uncaughtException', onFailure).on('unhandledRejection', onFailure);
    try {
      const { url } = await this.starting;
      this.listening = true;
      if (cluster.isWorker) {
        process.send?.({ about: 'serving', url } satisfies ServingMessage);
      } else {
        say(`Portcullis is listening on ${url}`);
        say(`Swagger UI: ${url}/docs`);
      }
      releaseStartupMemory();
    } catch (error) {
      this.logger.debug({ err: error }, 'the start failed');
      const message = error instanceof Error ? error.message : String(error);
      process.stderr.write(`Portcullis could not start. ${message}\n`);
      process.exit(1);
    }
  }

  /** Alone, as one of several workers, or as the process that has them. */
  private start(): Promise<Service> {
    const { env, logger } = this;
    if (cluster.isWorker) {
      return startPrepared(env, logger, (app) => {
        shareMetrics(app.get(Metrics));
      });
    }
    if (env.workers > 1) {
      const giveUp = (error: Error): void => {
        process.stderr.write(`Portcullis ends. ${error.message}\n`);
        this.onFailure(error);
      };
      return startWorkers(env, logger, { firstAdmin: announce, giveUp });
    }
    return startService(env, logger, announce);
  }

  private onSignal(signal: NodeJS.Signals, number: number): void {
    if (this.stoppingSince === undefined) {
      this.logger.info({ signal }, 'stopping');
      void this.stop(0);
    } else if (performance.now() - this.stoppingSince > SAME_SIGNAL) {
      process.exit(128 + number);
    }
  }

  private onFailure(error: unknown): void {
    this.logger.fatal({ err: error }, 'stopping because of an error that nothing handled');
    if (this.stoppingSince === undefined) void this.stop(1);
  }

  private async stop(exitCode: number): Promise<void> {
    this.stoppingSince = performance.now();
    // A start may wait long for an external database. Nothing has been started by then that must be stopped.
    if (!this.listening && this.env.databaseUrl !== null) process.exit(exitCode);
    setTimeout(() => process.exit(1), this.env.shutdownTimeoutMs + CLOSING_TIME);
    try {
      await (await this.starting).stop();
      process.exit(exitCode);
    } catch (error) {
      this.logger.fatal({ err: error }, 'the service did not stop cleanly');
      process.exit(1);
    }
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
