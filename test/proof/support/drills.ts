import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
const POSTGRES_PROGRAMS = '/usr/lib/postgresql';

/** The blocks marked `bash` below this heading of docs/operations.md, down to the next heading. */
export function blocksBelow(heading: string): string[] {
  const from = PAGE.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`docs/operations.md has no heading "${heading}".`);
  const rest = PAGE.slice(from + heading.length + 2);
  const section = rest.slice(0, /^#+ /m.exec(withoutBlocks(rest))?.index);
  return bashBlocks(section);
}

/** Every block marked `bash` on the page. */
export function allBlocks(): string[] {
  return bashBlocks(PAGE);
}

function bashBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, body = '']) => body);
}

/** Comments in a block look like headings: they are struck out, without moving anything. */
function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```.*?^```$/gms, (block) => ' '.repeat(block.length));
}

/** Blocks that have been run, to be compared with those that are there. */
export const runBlocks = new Set<string>();

/**
 * Runs a block as an operator would who has defined `sql`, with nothing in the environment but PATH, HOME and what is given, and stops at
 * the first command that fails.
 *
 * @returns what it printed, line by line
 * @throws Error with everything that the failed command said
 */
export async function runBlock(block: string | undefined, env: Record<string, string>): Promise<string[]> {
  if (block === undefined) throw new Error('docs/operations.md has no such block.');
  const [sql = ''] = blocksBelow('### SQL without psql');
  runBlocks.add(sql).add(block);
  const { PATH = '', HOME = '' } = process.env;
  const script = `set -Eeuo pipefail\n${sql}\n${block}`;
  const path = [newestPostgresPrograms(), PATH].filter((part) => part !== undefined).join(':');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    cwd: ROOT,
    env: { PATH: path, HOME, ...env },
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** The directory of `pg_dump` and its like, of the newest version installed. */
export function newestPostgresPrograms(): string | undefined {
  if (!existsSync(POSTGRES_PROGRAMS)) return undefined;
  const newest = Math.max(...readdirSync(POSTGRES_PROGRAMS).map(Number));
  const directory = join(POSTGRES_PROGRAMS, String(newest), 'bin');
  return existsSync(join(directory, 'pg_dump')) ? directory : undefined;
}
