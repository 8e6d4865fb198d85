/** NIST SP 800-63B-4 section 3.2.2: no more than 100 failures in a row with one authenticator of an account, however slowly they come. */
export const GUESS_CEILING = 100;

/**
 * Whether a guess is checked at all. Each is counted before that, and a success begins anew: so of any number at once no more are heard than of guesses
 * one by one.
 *
 * @param guess its number since the last success, from 1
 */
export function isHeard(guess: number, ceiling = GUESS_CEILING): boolean {
  return guess <= ceiling;
}

/** Whether the next guess would not be heard. @param guesses how many there were since the last success */
export function isClosed(guesses: number, ceiling = GUESS_CEILING): boolean {
  return !isHeard(guesses + 1, ceiling);
}
