import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { ENV, type Env } from '../../../config/env.js';
import { tooManyRequests } from '../../common/problem.js';
import { Limiters } from '../../limits/limiters.js';
import { networkOf } from '../../limits/network.js';

/** Failures of one client from one address, and of all that an address tries. */
const PER_CLIENT = { kind: 'client', points: 20, seconds: 60 };
const PER_ADDRESS = { kind: 'clients', points: 120, seconds: 60 };

/**
 * Limits what failed attempts of clients cost: rows in the audit trail, above all. Only failures are counted, and they never stop who brings the
 * right secret: 256 random bits are not guessed at any speed, so a refusal would stop nobody but the rightful client behind the same proxy as a
 * flood of wrong ones. For the same reason each instance may count by itself, in memory, where there is no Redis.
 */
@Injectable()
export class ClientThrottle {
  private readonly ofClients: RateLimiterAbstract;
  private readonly ofAddresses: RateLimiterAbstract;

  constructor(
    limiters: Limiters,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.ofClients = limiters.of({ ...PER_CLIENT, counted: 'with redis' });
    this.ofAddresses = limiters.of({ ...PER_ADDRESS, counted: 'with redis' });
  }

  /** @throws Problem 429 when there were too many before */
  async countFailure(address: string | null, clientId: string): Promise<void> {
    if (!this.env.rateLimits) return;
    const network = networkOf(address);
    // First, since whoever is over this one may try no end of names.
    await consume(this.ofAddresses, network);
    await consume(this.ofClients, `${network} ${clientId}`);
  }
}

/** @throws Problem 429 */
async function consume(limiter: RateLimiterAbstract, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (error) {
    if (error instanceof RateLimiterRes) throw tooManyRequests(error.msBeforeNext / 1000);
    throw error;
  }
}
