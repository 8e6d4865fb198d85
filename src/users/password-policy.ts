import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';
import { invalidFields, type FieldError } from '../common/problem.js';
import { normalisedPassword } from './password-text.js';

/** Whose password it is. */
export interface PasswordOwner {
  username: string;
  email: string | null;
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

  /** Empty when the password is acceptable. */
  problemsOf(password: string, owner: PasswordOwner): FieldError[] {
    const { minLength, maxLength } = this.limits;
    const text = normalisedPassword(password);
    const length = [...text].length;
    const messages: string[] = [];
    if (length < minLength) messages.push(`must have at least ${minLength} characters`);
    if (length > maxLength) messages.push(`must have at most ${maxLength} characters`);
    if (!isText(text)) messages.push('must not contain NUL or half a character');
    if (isNameOf(owner, text)) messages.push('must not be the username or the e-mail address');
    return messages.map((message) => ({ field: 'password', message }));
  }

  /** @throws Problem 400 with every problem */
  require(password: string, owner: PasswordOwner): void {
    const problems = this.problemsOf(password, owner);
    if (problems.length > 0) throw invalidFields(problems);
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
