import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { ValidityModule } from '../validity/validity.module.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { Readiness } from './readiness.js';

/** What those who run the service ask it. */
@Module({
  // Terminus would log a failed check at each probe: Readiness does so when it changes.
  imports: [TerminusModule.forRoot({ logger: false }), ValidityModule],
  controllers: [HealthController, MetricsController],
  providers: [Readiness],
})
export class HealthModule {}
