import { Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  TypeOrmHealthIndicator,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { WindowFollower } from '@portcullis/verifier';
import type { ReadyDto } from './health.dto.js';

/** Milliseconds per check. An orchestrator's own probe usually gives up after a few seconds. */
const TIMEOUT = 1_000;

/** Whether this process can serve: it wants requests, reaches its database, and knows which tokens have been ended. */
@Injectable()
export class Readiness {
  private readonly logger = new Logger(Readiness.name);
  private phase: 'starting' | 'serving' | 'stopping' = 'starting';
  private lastStatus: ReadyDto['status'] | undefined;

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: TypeOrmHealthIndicator,
    private readonly window: WindowFollower,
  ) {}

  serving(): void {
    this.phase = 'serving';
  }

  stopping(): void {
    this.phase = 'stopping';
  }

  async report(): Promise<ReadyDto> {
    const { status, details } = await this.check();
    const report: ReadyDto = { status: status === 'ok' ? 'ok' : 'error', details: withoutReasons(details) };
    this.logChange(report.status, details);
    return report;
  }

  private async check(): Promise<HealthCheckResult> {
    try {
      return await this.health.check([
        () => this.process(),
        () => this.database.pingCheck('database', { timeout: TIMEOUT }),
        () =>
          this.indicators
            .check('validity')
            .attempt(async () => {
              await this.window.freshSince(this.window.monotonic());
            })
            .withTimeout(TIMEOUT),
      ]);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }

  private process(): HealthIndicatorResult {
    const indicator = this.indicators.check('process');
    return this.phase === 'serving' ? indicator.up() : indicator.down(`it is ${this.phase}`);
  }

  /** Why it is not ready is for the log, once, and not for whoever may ask. */
  private logChange(status: ReadyDto['status'], details: HealthIndicatorResult): void {
    if (status !== this.lastStatus && status === 'error') this.logger.warn(`not ready: ${JSON.stringify(details)}`);
    if (status !== this.lastStatus && status === 'ok') this.logger.log('ready');
    this.lastStatus = status;
  }
}

function withoutReasons(details: HealthIndicatorResult): ReadyDto['details'] {
  return Object.fromEntries(
    Object.entries(details).map(([name, { status }]) => [name, { status: status === 'up' ? 'up' : 'down' }]),
  );
}
