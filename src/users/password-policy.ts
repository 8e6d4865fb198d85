import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '../../config/env.js';
import { invalidFields } from '../common/problem.js';
import { BreachedPasswords } from './breached-passwords.js';
import { commonPasswords, isCommonPassword } from './common-passwords.js';
import { contextWords, type PasswordOwner } from './context-words.js';
import { cheapestGuess, type Guess } from './password-pieces.js';
import { normalisedPassword } from './password-text.js';

/**
 * What a new password must be like. Length is what counts (NIST SP 800-63B-4 section 3.1.1.2): any characters will do, spaces included, no
 * mixture of them is asked for, and no password expires by age. Refused are those that guessers try first. Lengths are in code points after
 * normalisation.
 */
@Injectable()
export class PasswordPolicy {
  private readonly limits: Env['password'];
  private readonly issuer: string;

  constructor(
    @Inject(ENV) env: Pick<Env, 'password' | 'issuer'>,
    private readonly breached: BreachedPasswords,
  ) {
    this.limits = env.password;
    this.issuer = env.issuer;
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
  async problemsOf(password: string, owner: PasswordOwner): Promise<string[]> {
    const text = normalisedPassword(password);
    const malformed = this.malformations(text);
    if (malformed.length > 0) return malformed;
    const weakness = this.weaknessOf(text, owner);
    if (weakness !== null) return [weakness];
    return (await this.breached.includes(text)) ? [BREACHED] : [];
  }

  private malformations(text: string): string[] {
    const { minLength, maxLength } = this.limits;
    const length = [...text].length;
    const messages: string[] = [];
    if (length < minLength) messages.push(`must have at least ${minLength} characters`);
    if (length > maxLength) messages.push(`must have at most ${maxLength} characters`);
    if (!isText(text)) messages.push('must not contain NUL or half a character');
    return messages;
  }

  private weaknessOf(text: string, owner: PasswordOwner): string | null {
    const known = commonPasswords();
    if (isCommonPassword(text, known)) return `is one that many people use; ${BETTER}`;
    if (repeatsFewCharacters(text)) return `repeats a few characters; ${BETTER}`;
    const guess = cheapestGuess(text, { common: known.words, names: contextWords(owner, this.issuer) });
    return guess && `${descriptionOf(guess)}; ${BETTER}`;
  }
}

const BETTER = 'take several words that have nothing to do with each other, or let a password manager make one';
const BREACHED = `is known from a breach of another service; ${BETTER}, and use it nowhere else`;

function descriptionOf({ kinds }: Guess): string {
  if (kinds.has('name')) return 'is little more than the name or the address of the user or the name of this service';
  if (kinds.has('common')) return 'is little more than one or two common words, with digits or signs';
  return 'is little more than a sequence, a date or a number';
}

function repeatsFewCharacters(text: string): boolean {
  const characters = [...text];
  return [1, 2, 3, 4].some((period) => characters.every((one, i) => i < period || one === characters[i - period]));
}

/** UTF-8 has no form for half a surrogate pair: passwords that differ only there would be the same. */
function isText(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
