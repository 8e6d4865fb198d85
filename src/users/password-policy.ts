import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';
import { invalidFields } from '../common/problem.js';
import { normalisedPassword } from './password-text.js';

/** Whose password it is: none of these may be what it is made of. */
export interface PasswordOwner {
  username: string;
  email: string | null;
  displayName?: string | null;
}

/**
 * What a new password must be like. Length is what counts (NIST SP 800-63B-4 section 3.1.1.2): any characters will do, spaces included, and
 * no mixture of them is asked for. Lengths are in code points after normalisation.
 */
@Injectable()
export class PasswordPolicy {
  private readonly limits: Env['password'];

  constructor(@Inject(ENV) env: Pick<Env, 'password'>) {
    this.limits = env.password;
  }

  /**
   * Every flow that sets a password asks this before it hashes it: creation, change, reset, invitation, registration. It may take as long as a
   * service elsewhere does to answer, so it is no part of a transaction.
   *
   * @param field the field of the request that brought the password, as the answer names it
   * @throws Problem 400 with everything that is wrong, and what would be better
   */
  async require(password: string, owner: PasswordOwner, field = 'password'): Promise<void> {
    const problems = await this.problemsOf(password, owner);
    if (problems.length > 0) throw invalidFields(problems.map((message) => ({ field, message })));
  }

  /** What is wrong with it, for people to read; empty when the password is acceptable. Never repeats the password. */
  problemsOf(password: string, owner: PasswordOwner): Promise<string[]> {
    return Promise.resolve(this.plainProblems(password, owner));
  }

  private plainProblems(password: string, owner: PasswordOwner): string[] {
    const { minLength, maxLength } = this.limits;
    const text = normalisedPassword(password);
    const length = [...text].length;
    const messages: string[] = [];
    if (length < minLength) messages.push(`must have at least ${minLength} characters`);
    if (length > maxLength) messages.push(`must have at most ${maxLength} characters`);
    if (!isText(text)) messages.push('must not contain NUL or half a character');
    if (isNameOf(owner, text)) messages.push('must not be the username or the e-mail address');
    return messages;
  }
}

/** UTF-8 has no form for half a surrogate pair: passwords that differ only there would be the same. */
function isText(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

function isNameOf({ username, email }: PasswordOwner, text: string): boolean {
  const folded = text.toLowerCase();
  return [username, email].some((name) => name !== null && normalisedPassword(name).toLowerCase() === folded);
}
