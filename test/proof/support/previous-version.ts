import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What an upgrade starts from. */
export interface PreviousVersion {
  readonly commit: string;
  readonly version: string;
  /** There is no other version in the history yet: this is the newest commit of the present one. */
  readonly isPresent: boolean;
}

/**
 * The newest commit whose package.json has another version than the working tree's.
 *
 * @throws Error that says what is missing where there is no git or no history
 */
export async function findPreviousVersion(root: string): Promise<PreviousVersion> {
  const present = versionIn(readFileSync(join(root, 'package.json'), 'utf8'));
  const shallow = await git(root, 'rev-parse', '--is-shallow-repository').catch((error: unknown) => {
    throw new Error(
      'The upgrade is rehearsed from the version before, which is built from the git history: this needs git and a clone, not an ' +
        `archive of the files. (${error instanceof Error ? error.message : String(error)})`,
    );
  });
  const head = await git(root, 'rev-parse', 'HEAD');
  const changes = await git(root, 'log', '--first-parent', '--format=%H', '--', 'package.json');
  // Only these commits can have changed the version: it is that of HEAD, or that of what came before one of them.
  for (const revision of ['HEAD', ...changes.split('\n').map((commit) => `${commit}^`)]) {
    const commit = await git(root, 'rev-parse', '--verify', '--quiet', revision).catch(() => null);
    if (commit === null) break;
    const version = versionIn(await git(root, 'show', `${commit}:package.json`));
    if (version !== present) return { commit, version, isPresent: false };
  }
  if (shallow === 'true') {
    throw new Error(
      `The upgrade is rehearsed from the version before ${present}, and this shallow clone has none: fetch the history with ` +
        '"git fetch --unshallow" (in GitHub Actions: fetch-depth: 0).',
    );
  }
  return { commit: head, version: present, isPresent: true };
}

/** Checks a commit out into a new directory and builds it there, with the packages that it locks. */
export async function buildCommit(root: string, commit: string, directory: string): Promise<void> {
  await run('git', ['clone', '--quiet', '--shared', '--no-checkout', root, directory]);
  await git(directory, 'checkout', '--quiet', '--detach', commit);
  if (hasSamePackages(root, directory)) borrowPackages(root, directory);
  else await npm(directory, 'ci', '--prefer-offline', '--no-audit', '--no-fund');
  await npm(directory, 'run', '--silent', 'build');
}

async function git(directory: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: directory });
  return stdout.trim();
}

async function npm(directory: string, ...args: string[]): Promise<void> {
  await run('npm', args, { cwd: directory, timeout: 600_000, maxBuffer: 64 * 1024 * 1024 });
}

function versionIn(packageJson: string): string {
  return (JSON.parse(packageJson) as { version: string }).version;
}

interface LockedPackage {
  integrity?: string;
  resolved?: string;
  /** A workspace. */
  link?: boolean;
}

function lockedPackages(directory: string): Record<string, LockedPackage> {
  const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  // Without the project itself, whose own version is in the file too.
  const installed = Object.entries(lock.packages).filter(([path]) => path.startsWith('node_modules/'));
  return Object.fromEntries(installed);
}

/** Whether everything that `directory` locks is installed in `root`, from the same archives. */
function hasSamePackages(root: string, directory: string): boolean {
  const installed = lockedPackages(root);
  return Object.entries(lockedPackages(directory)).every(
    ([path, { integrity, resolved }]) =>
      installed[path]?.integrity === integrity && installed[path]?.resolved === resolved,
  );
}

/** Links to the packages of another directory one by one. The workspaces are each version's own. */
function borrowPackages(from: string, to: string): void {
  for (const [path, { link, resolved = '' }] of Object.entries(lockedPackages(to))) {
    if (link === true) linkTo(join(to, resolved), join(to, path));
  }
  const modules = join(from, 'node_modules');
  for (const name of readdirSync(modules)) {
    const here = join(to, 'node_modules', name);
    if (!existsSync(here)) linkTo(join(modules, name), here);
  }
}

function linkTo(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
