import { isIPv6 } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { ENV, type Env } from '../../config/env.js';
import { sha256 } from '../common/secrets.js';
import { tooManyRequests } from '../common/problem.js';

/** After so many failures under one name that name is locked for so long (seconds), whoever asks. */
export const LOCKOUT = { failures: 10, seconds: 15 * 60 };

/** Attempts from one address. Generous, since many people may share one; guessing one password is stopped by the lockout. */
const PER_ADDRESS = { points: 60, duration: 60 };
/** Mails that anybody may have sent to one recipient. */
const PER_RECIPIENT = { points: 5, duration: 60 * 60 };
const REFRESHES_PER_ADDRESS = { points: 600, duration: 60 };

/**
 * Slows down whoever guesses. Counters of attempts are in Postgres, so that they hold across instances and restarts. Nothing here tells a
 * known account from an unknown one: names that nobody has are counted and locked alike.
 */
@Injectable()
export class LoginThrottle {
  private readonly lockout: RateLimiterPostgres;
  private readonly attempts: RateLimiterAbstract;
  private readonly refreshes: RateLimiterAbstract;
  private readonly recipients: RateLimiterAbstract;
  private readonly enabled: boolean;

  constructor(@InjectDataSource() dataSource: DataSource, @Inject(ENV) env: Env) {
    const { master } = dataSource.driver as unknown as { master: Pool };
    const storeClient = env.databasePrepared ? master : withoutNames(master);
    const store = { storeClient, storeType: 'pool', tableName: 'rate_limits', tableCreated: true };
    this.lockout = new RateLimiterPostgres({
      ...store,
      keyPrefix: 'lockout',
      points: LOCKOUT.failures,
      duration: LOCKOUT.seconds,
    });
    this.attempts = new RateLimiterPostgres({
      ...store,
      keyPrefix: 'attempt',
      ...PER_ADDRESS,
      // A flood is then refused from memory.
      inMemoryBlockOnConsumed: PER_ADDRESS.points,
    });
    this.recipients = new RateLimiterPostgres({ ...store, keyPrefix: 'recipient', ...PER_RECIPIENT });
    this.refreshes = new RateLimiterMemory({ keyPrefix: 'refresh', ...REFRESHES_PER_ADDRESS });
    this.enabled = env.rateLimits;
  }

  /** @throws Problem 429 */
  async admitAttempt(address: string): Promise<void> {
    if (this.enabled) await consume(this.attempts, networkOf(address));
  }

  /**
   * What has a mail sent to an address that anybody may type, whether somebody has it or not.
   *
   * @throws Problem 429
   */
  async admitMail(address: string, email: string): Promise<void> {
    await this.admitAttempt(address);
    if (this.enabled) await consume(this.recipients, sha256(email.toLowerCase()).toString('base64url'));
  }

  /** @throws Problem 429 */
  async admitRefresh(address: string): Promise<void> {
    if (this.enabled) await consume(this.refreshes, networkOf(address));
  }

  /**
   * Stops who guesses at a locked account. Asked after the password was checked, so that of many guesses at once a right one is not heard
   * either, once ten wrong ones were counted.
   *
   * @param account as by `accountKey`
   * @throws Problem 429
   */
  async requireUnlocked(account: string): Promise<{ failures: number }> {
    const counted = await this.lockout.get(account);
    if (counted !== null && counted.consumedPoints >= LOCKOUT.failures)
      throw tooManyRequests(counted.msBeforeNext / 1000);
    return { failures: counted?.consumedPoints ?? 0 };
  }

  /**
   * Counts a failure; true when it is the one that locks the account. Others that were under way then must not learn that they failed.
   *
   * @throws Problem 429 when the account was locked meanwhile
   */
  async countFailure(account: string): Promise<boolean> {
    const { consumedPoints, msBeforeNext } = await this.lockout.penalty(account, 1);
    if (consumedPoints > LOCKOUT.failures) throw tooManyRequests(msBeforeNext / 1000);
    if (consumedPoints < LOCKOUT.failures) return false;
    // From the last failure on, not from the first.
    await this.lockout.block(account, LOCKOUT.seconds);
    return true;
  }

  async forgetFailures(account: string): Promise<void> {
    await this.lockout.delete(account);
  }
}

/**
 * What failed logins are counted under: the name that was tried, spelt as the look-up spells it. Not the account that it leads to: then a count that
 * two names share would tell that there is an account, and that both are its names.
 */
export function accountKey(name: { username: string } | { email: string }): string {
  const [field, value] = 'email' in name ? ['email', name.email] : ['username', name.username];
  return sha256(`${value.includes('@') ? 'email' : field}:${value}`).toString('base64url');
}

/** An IPv6 customer has a /64: single addresses in it cost nothing (RFC 6177). */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0') : [];
  return `${[...front, ...zeros, ...back]
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** The limiter names its statements, which poolers may not keep. */
function withoutNames(pool: Pool): Pick<Pool, 'query'> {
  const query = ({ text, values }: { text: string; values: unknown[] }): Promise<unknown> => pool.query(text, values);
  return { query: query as Pool['query'] };
}

/** @throws Problem 429 */
export async function consume(limiter: RateLimiterAbstract, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (error) {
    if (error instanceof RateLimiterRes) throw tooManyRequests(error.msBeforeNext / 1000);
    throw error;
  }
}
