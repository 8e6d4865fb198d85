import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';

/** Whether this process wants requests: not before it listens, and not once it has been told to stop. */
@Injectable()
export class Readiness {
  private phase: 'starting' | 'serving' | 'stopping' = 'starting';

  constructor(private readonly indicators: HealthIndicatorService) {}

  serving(): void {
    this.phase = 'serving';
  }

  stopping(): void {
    this.phase = 'stopping';
  }

  check(): HealthIndicatorResult {
    const indicator = this.indicators.check('process');
    return this.phase === 'serving' ? indicator.up() : indicator.down({ phase: this.phase });
  }
}
