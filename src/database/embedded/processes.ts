import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readPostmasterFile, type PostmasterFile } from './postmaster-file.js';

/** Who is using a cluster: a server, what a killed server left running, or nobody. */
export type Occupant =
  | { readonly kind: 'server'; readonly file: PostmasterFile }
  | { readonly kind: 'remains'; readonly pids: readonly number[] }
  /** `stalePid`: what the file that was left says, if there is one; that process is none of Postgres's, or does not exist. */
  | { readonly kind: 'nobody'; readonly stalePid?: number };

/**
 * Looks for processes, not at the pid file alone: after a crash its pid may belong to an unrelated process or to a zombie, and a server
 * that was killed may leave backends which still write.
 */
export function occupantOf(cluster: string): Occupant {
  const file = readPostmasterFile(cluster);
  if (file !== undefined && isServerOf(file.pid, cluster)) return { kind: 'server', file };
  const pids = process.platform === 'linux' ? processesIn(cluster) : [];
  if (pids.length > 0) return { kind: 'remains', pids };
  return { kind: 'nobody', ...(file === undefined ? {} : { stalePid: file.pid }) };
}

/** Whether the process is a Postgres that runs on this cluster. */
export function isServerOf(pid: number, cluster: string): boolean {
  if (process.platform === 'linux') return isPostgresIn(String(pid), cluster);
  if (!isAlive(pid)) return false;
  if (process.platform !== 'win32')
    return /\bpostgres\b.* -D /.test(outputOf('ps', ['-o', 'command=', '-p', String(pid)]));
  return outputOf('tasklist', ['/fo', 'csv', '/nh', '/fi', `pid eq ${pid}`]).includes('postgres.exe');
}

/** Whether a process with that pid exists, no matter whose. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Sends the signal to those that are still there. */
export function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function processesIn(cluster: string): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isPostgresIn(name, cluster))
    .map(Number);
}

/** Every process of a server has the data directory as its working directory. So may a person's shell, hence the executable. */
function isPostgresIn(pid: string, cluster: string): boolean {
  try {
    if (fs.readlinkSync(`/proc/${pid}/cwd`) !== fs.realpathSync(cluster)) return false;
    // An upgrade of the package replaces the file under a running server.
    return path.basename(fs.readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')) === 'postgres';
  } catch {
    return false; // gone, a zombie, or another user's
  }
}

function outputOf(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: 'utf8', windowsHide: true }).stdout;
}
