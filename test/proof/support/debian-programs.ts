import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Debian puts daemons where only root looks for programs. */
const DIRECTORIES = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

function isInstalled(program: string): boolean {
  return DIRECTORIES.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether to do what needs a program of Debian's: where it is missing that is left out, with a notice; but not by `.ci/run`, which has just
 * installed it.
 */
export function canRun(program: string, what: string): boolean {
  if (isInstalled(program) || (process.env['CI'] === 'true' && process.getuid?.() === 0)) return true;
  console.log(`NOTICE: ${what} is skipped, as ${program} is not installed (Debian package "${program}")`);
  return false;
}
