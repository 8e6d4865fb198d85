import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { ENV, type Env } from '../../../config/env.js';
import { consume, networkOf } from '../login-throttle.js';

/** Failures of one client from one address, and of all that an address tries. */
const PER_CLIENT = { points: 20, duration: 60 };
const PER_ADDRESS = { points: 120, duration: 60 };

/**
 * Limits what failed attempts of clients cost: rows in the audit trail, above all. Only failures are counted, and they never stop who brings the
 * right secret: 256 random bits are not guessed at any speed, so a refusal would stop nobody but the rightful client behind the same proxy as a
 * flood of wrong ones. For the same reason each instance may count by itself, in memory.
 */
@Injectable()
export class ClientThrottle {
  private readonly ofClients = new RateLimiterMemory({ keyPrefix: 'client', ...PER_CLIENT });
  private readonly ofAddresses = new RateLimiterMemory({ keyPrefix: 'clients', ...PER_ADDRESS });
  private readonly enabled: boolean;

  constructor(@Inject(ENV) env: Env) {
    this.enabled = env.rateLimits;
  }

  /** @throws Problem 429 when there were too many before */
  async countFailure(address: string, clientId: string): Promise<void> {
    if (!this.enabled) return;
    const network = networkOf(address);
    // First, since whoever is over this one may try no end of names.
    await consume(this.ofAddresses, network);
    await consume(this.ofClients, `${network} ${clientId}`);
  }
}
