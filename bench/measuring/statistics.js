export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of each number in records of the same shape. */
export function medians(records) {
  const names = Object.keys(records[0]);
  return Object.fromEntries(names.map((name) => [name, median(records.map((record) => record[name]))]));
}
