import type { Command } from 'commander';

/** A table's row, or one thing with its properties. */
type Row = Record<string, unknown>;

/** Prints the answer of a command: as JSON with `--json`, else for people. */
export function print(command: Command, answer: Row | readonly Row[], forPeople?: string): void {
  const { json = false } = command.optsWithGlobals<{ json?: boolean }>();
  if (json) {
    say(JSON.stringify(answer, null, 2));
    return;
  }
  say(forPeople ?? (isList(answer) ? table(answer) : properties(answer)));
}

function isList(answer: Row | readonly Row[]): answer is readonly Row[] {
  return Array.isArray(answer);
}

/** Columns are those of the first row. */
export function table(rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return '(none)';
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => text(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => (row[index] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

function properties(row: Row): string {
  const width = Math.max(...Object.keys(row).map((name) => name.length));
  return Object.entries(row)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(width)}  ${text(value)}`)
    .join('\n');
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(text).join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
