/** The name among `names` that takes the fewest edits to reach from `name`. `names` must not be empty. */
export function nearestName(name: string, names: readonly string[]): string {
  return names.reduce((best, other) => (editDistance(name, other) < editDistance(name, best) ? other : best));
}

/** Levenshtein distance: insertions, deletions and substitutions, one row of the matrix at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(to).entries()) {
      const substitution = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(substitution, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
