import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Account } from './identity.js';

/** The longest path of a unix socket, in bytes: 107 on Linux, 103 on macOS. */
const LONGEST_SOCKET_PATH = 103;
const SOCKET_NAME = '.s.PGSQL.5432';

/** The port is part of the socket's name only. */
export const SOCKET_PORT = 5432;

/**
 * The directory for the server's unix socket: short, and closed to everybody but the account that runs the server, because whoever can
 * connect is trusted. The same for every process that starts on the same data, where possible.
 *
 * @param account as whom the server runs; undefined: as ourselves
 */
export function prepareSocketDirectory(dataDir: string, account: Account | undefined): string {
  const base = socketBase(os.tmpdir());
  const digest = createHash('sha256').update(fs.realpathSync(dataDir)).digest('hex').slice(0, 12);
  const directory = path.join(base, `portcullis-${digest}`);
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
    give(directory, account);
    return directory;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (isPrivate(directory, account)) return directory;
  // Not ours, or open to others: somebody else made it, perhaps to read along.
  const fresh = fs.mkdtempSync(path.join(base, 'portcullis-'));
  give(fresh, account);
  return fresh;
}

/**
 * Makes sure that a directory which clients already know is still there for the next server.
 *
 * @throws Error when it has become somebody else's
 */
export function restoreSocketDirectory(directory: string, account: Account | undefined): void {
  if (!fs.existsSync(directory)) {
    fs.mkdirSync(directory, { mode: 0o700 });
    give(directory, account);
  }
  if (!isPrivate(directory, account))
    throw new Error(`The socket directory ${directory} is no longer private to the database.`);
}

/** Whether the directory is a directory, the account's own, and closed to others. */
export function isPrivate(directory: string, account: Account | undefined): boolean {
  const stat = fs.lstatSync(directory, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return false;
  return stat.uid === (account?.uid ?? process.getuid?.()) && (stat.mode & 0o777) === 0o700;
}

/** The temporary directory, unless its path is too long to put a socket below it. */
export function socketBase(temporary: string): string {
  const longest = path.join(temporary, 'portcullis-0123456789ab', SOCKET_NAME);
  return Buffer.byteLength(longest) <= LONGEST_SOCKET_PATH ? temporary : '/tmp';
}

/** The socket itself. */
export function socketIn(directory: string): string {
  return path.join(directory, SOCKET_NAME);
}

function give(directory: string, account: Account | undefined): void {
  if (account !== undefined) fs.chownSync(directory, account.uid, account.gid);
}
