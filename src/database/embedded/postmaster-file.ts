import fs from 'node:fs';
import path from 'node:path';

/** Where a server listens: a directory with a unix socket, or an address, and the port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What a server writes into `postmaster.pid` in its data directory. */
export interface PostmasterFile {
  readonly pid: number;
  /** Absent until the server listens. */
  readonly endpoint?: Endpoint;
  /** `starting`, `ready`, `stopping` or `standby`; empty before the first of them. */
  readonly status: string;
}

export function postmasterFile(cluster: string): string {
  return path.join(cluster, 'postmaster.pid');
}

/** Reads the file; undefined when there is none, or none with a pid in it. */
export function readPostmasterFile(cluster: string): PostmasterFile | undefined {
  try {
    return parsePostmasterFile(fs.readFileSync(postmasterFile(cluster), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The lines (PostgreSQL's `miscadmin.h`): pid, data directory, start time, port, socket directory, listen address, shared memory, status. */
export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const [pidLine = '', , , portLine = '', socketDirectory = '', address = '', , status = ''] = text
    .split('\n')
    .map((line) => line.trim());
  // A single-user backend writes its pid with a minus sign.
  const pid = Math.abs(Number.parseInt(pidLine, 10));
  if (!Number.isSafeInteger(pid) || pid === 0) return undefined;
  const port = Number.parseInt(portLine, 10);
  const host = socketDirectory === '' ? address : socketDirectory;
  return { pid, status, ...(port > 0 && host !== '' ? { endpoint: { host, port } } : {}) };
}
