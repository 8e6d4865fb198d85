import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { program, type Binaries } from './binaries.js';
import { serverEnvironment } from './environment.js';
import { asAccount, type Identity } from './identity.js';
import { isAlive } from './processes.js';

/** The superuser of the embedded server; the service itself connects as an ordinary role. */
export const SUPERUSER = 'postgres';

/** The directory of the embedded database's files. Its name holds the major version: no version can read another's. */
export function clusterDirectory(dataDir: string, major: number): string {
  return path.join(dataDir, `pg${major}`);
}

/** The major versions that have data below the directory. */
export function existingMajors(dataDir: string): number[] {
  return fs
    .readdirSync(dataDir)
    .flatMap((name) => /^pg(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((major) => fs.existsSync(path.join(clusterDirectory(dataDir, major), 'PG_VERSION')));
}

/**
 * Creates the cluster if there is none. It is built under another name and renamed when it is whole, so neither a kill nor a second
 * process that does the same leaves half a database.
 *
 * @param passwordFile where clients connect over TCP (Windows), the file that holds the superuser's password
 * @throws Error with what initdb said
 */
export async function createCluster(
  binaries: Binaries,
  identity: Identity,
  dataDir: string,
  passwordFile?: string,
): Promise<void> {
  const cluster = clusterDirectory(dataDir, binaries.major);
  if (fs.existsSync(path.join(cluster, 'PG_VERSION'))) return;
  removeAbandoned(dataDir);
  const unfinished = `${cluster}.init-${process.pid}`;
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { mode: 0o700 });
  try {
    // Made by us and given away, so the account needs no right to write in the data directory itself.
    if (identity.account !== undefined) fs.chownSync(unfinished, identity.account.uid, identity.account.gid);
    await initialise(binaries, identity, unfinished, passwordFile);
    fs.renameSync(unfinished, cluster);
    syncDirectory(dataDir);
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    // Somebody else finished first; theirs is as good.
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    if (!fs.existsSync(path.join(cluster, 'PG_VERSION'))) throw error;
  }
}

function initdbArguments(directory: string, major: number, passwordFile: string | undefined): string[] {
  // The built-in locale provider (17 and up) sorts the same on every machine; C sorts by bytes before that.
  const locale = major >= 17 ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C'];
  const access =
    passwordFile === undefined
      ? ['--auth-local=trust', '--auth-host=reject']
      : ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  return ['-D', directory, '-U', SUPERUSER, '-E', 'UTF8', ...locale, ...access];
}

async function initialise(
  binaries: Binaries,
  identity: Identity,
  directory: string,
  passwordFile: string | undefined,
): Promise<void> {
  const command = [
    ...identity.wrapper,
    program(binaries, 'initdb'),
    ...initdbArguments(directory, binaries.major, passwordFile),
  ];
  const { code, output } = await run(command, identity);
  if (code !== 0) throw new Error(`initdb could not create the embedded database: ${output.trim()}`);
}

function run([file = '', ...args]: string[], identity: Identity): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...asAccount(identity.account),
      env: serverEnvironment(),
      cwd: path.parse(process.cwd()).root,
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}

/** What killed starts left, as far as it is ours to remove: it is in nobody's way. */
function removeAbandoned(dataDir: string): void {
  for (const name of fs.readdirSync(dataDir)) {
    const pid = /^pg\d+\.init-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      fs.rmSync(path.join(dataDir, name), { recursive: true, force: true });
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

/** Makes the rename durable, so that a power cut cannot take the name away from rows that were acknowledged. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
