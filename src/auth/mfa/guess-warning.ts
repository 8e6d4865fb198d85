/** So many wrong second factors within a day are no slips of whoever owns the account. */
export const FIRST_WARNING = 10;

/**
 * Whether the owner is told of this guess: at the tenth, and whenever there are twice as many. So one who guesses for a whole day fills no mailbox, and
 * a warning that was lost is made up for.
 *
 * @param guess its number within a day, from 1
 */
export function isWarnedOf(guess: number, first = FIRST_WARNING): boolean {
  return guess >= first && Number.isInteger(Math.log2(guess / first));
}
