import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { ENV, type Env } from '../../config/env.js';
import { tooManyRequests } from '../common/problem.js';
import { sha256 } from '../common/secrets.js';
import { Limiters } from '../limits/limiters.js';
import { foldName } from '../users/folded-name.js';

/** After so many failures under one name that name is locked for so long (seconds), whoever asks. */
export const LOCKOUT = { failures: 10, seconds: 15 * 60 };

/** Seconds for which wrong second factors are counted, whatever is right in between. */
const GUESSES_SECONDS = 24 * 60 * 60;

/** Mails that anybody may have sent to one recipient. */
const PER_RECIPIENT = { points: 5, seconds: 60 * 60 };

/**
 * Locks what somebody guesses at, on all instances at once. Nothing here tells a known account from an unknown one: names that nobody has are counted and
 * locked alike.
 */
@Injectable()
export class LoginThrottle {
  private readonly lockout: RateLimiterAbstract;
  private readonly guesses: RateLimiterAbstract;
  private readonly recipients: RateLimiterAbstract;

  constructor(
    limiters: Limiters,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.lockout = limiters.of({
      kind: 'lockout',
      points: LOCKOUT.failures,
      seconds: LOCKOUT.seconds,
      counted: 'shared',
    });
    // Counted, and never refused.
    this.guesses = limiters.of({
      kind: 'factor-guesses',
      points: LOCKOUT.failures,
      seconds: GUESSES_SECONDS,
      counted: 'shared',
    });
    this.recipients = limiters.of({ kind: 'recipient', ...PER_RECIPIENT, counted: 'shared' });
  }

  /**
   * What has a mail sent to an address that anybody may type, whether somebody has it or not. Each kind is counted apart: mails of one kind that
   * are never sent must not use up those of another.
   *
   * @param to the address; for `changes-of`, the id of the user who types addresses of others, and whose own is told each time
   * @throws Problem 429
   */
  async admitMail(
    kind: 'reset' | 'verification' | 'change' | 'changes-of' | 'registration',
    to: string,
  ): Promise<void> {
    if (!this.env.rateLimits) return;
    try {
      await this.recipients.consume(`${kind}:${sha256(foldName(to)).toString('base64url')}`);
    } catch (error) {
      if (error instanceof RateLimiterRes) throw tooManyRequests(error.msBeforeNext / 1000);
      throw error;
    }
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

  /** Counts a wrong second factor of this user. @returns how many there were within a day from the first */
  async countGuess(userId: string): Promise<number> {
    return (await this.guesses.penalty(userId, 1)).consumedPoints;
  }

  /** Those under a password that is gone. */
  async forgetGuesses(userId: string): Promise<void> {
    await this.guesses.delete(userId);
  }
}

/**
 * What failed logins are counted under: the name that was tried, folded as the look-up folds it. Not the account that it leads to: then a count that
 * two names share would tell that there is an account, and that both are its names.
 */
export function accountKey(name: { username: string } | { email: string }): string {
  const [field, value] = 'email' in name ? ['email', name.email] : ['username', name.username];
  return sha256(`${value.includes('@') ? 'email' : field}:${foldName(value)}`).toString('base64url');
}

/** What wrong second factors are counted under: those of whoever knows the password of this user. */
export const factorKey = (userId: string): string => `factor:${userId}`;
