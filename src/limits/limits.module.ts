import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ENV, type Env } from '../../config/env.js';
import { Limiters } from './limiters.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimits } from './rate-limits.js';
import { RedisConnection } from './redis.js';

/** How often anybody may ask: counters that all instances share, and the guard that counts requests. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: RedisConnection, inject: [ENV], useFactory: (env: Env) => RedisConnection.open(env) },
    Limiters,
    RateLimits,
    RateLimitGuard,
  ],
  exports: [Limiters, RateLimits, RateLimitGuard],
})
export class LimitsModule {}
