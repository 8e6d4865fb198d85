/**
 * A name or an address as the look-up compares it, without regard to case. What people type is folded here and nowhere else, and compared with `lower()`
 * of the row as it is: were it folded once more there, several spellings would lead to one account, each with attempts of its own.
 *
 * Letter by letter, as Postgres does it: without the dot that JavaScript leaves beside the i of İ, and without regard to where in a word a letter is.
 */
export function foldName(name: string): string {
  return Array.from(name, (letter) => (letter === 'İ' ? 'i' : letter.toLowerCase())).join('');
}
