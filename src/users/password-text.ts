/**
 * The form of a password that is measured, hashed and compared (NIST SP 800-63B-4 section 3.1.1.2): keyboards and systems spell the same
 * character in different ways.
 */
export function normalisedPassword(password: string): string {
  return password.normalize('NFKC');
}
