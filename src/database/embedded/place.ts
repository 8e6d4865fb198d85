import fs from 'node:fs';
import path from 'node:path';
import { findBinaries, type Binaries } from './binaries.js';
import { clusterDirectory, createCluster, existingMajors } from './cluster.js';
import { findIdentity, type Identity } from './identity.js';
import { tcpAccess, type TcpAccess } from './windows-access.js';

/** A cluster that is there, and everything that is needed to run a server on it. */
export interface Place {
  readonly binaries: Binaries;
  readonly identity: Identity;
  readonly cluster: string;
  /** The server's own log. */
  readonly logFile: string;
  /** Server settings (`-c name=value`). */
  readonly settings: Readonly<Record<string, string>>;
  /** Windows only, where there are no unix sockets to speak of: loopback with a password. */
  readonly tcp?: TcpAccess;
}

/** Finds the binaries and the identity to run as, and creates the cluster where there is none. */
export async function preparePlace(directory: string, settings: Readonly<Record<string, string>>): Promise<Place> {
  const dataDir = path.resolve(directory);
  makeDataDirectory(dataDir);
  const binaries = await findBinaries(existingMajors(dataDir));
  const cluster = clusterDirectory(dataDir, binaries.major);
  const identity = findIdentity(binaries, dataDir, cluster);
  const tcp = process.platform === 'win32' ? await tcpAccess(dataDir) : undefined;
  await createCluster(binaries, identity, dataDir, tcp?.passwordFile);
  return {
    binaries,
    identity,
    cluster,
    logFile: path.join(dataDir, 'postgres.log'),
    settings: { ...defaultSettings(binaries.major), ...settings },
    ...(tcp === undefined ? {} : { tcp }),
  };
}

/** Small and quiet: the embedded server serves one service. */
function defaultSettings(major: number): Record<string, string> {
  return {
    shared_buffers: '32MB',
    log_checkpoints: 'off',
    // Worker processes for reading ahead cost memory and gain nothing at this size.
    ...(major >= 18 ? { io_method: 'sync' } : {}),
  };
}

/**
 * Started by root, the server runs under another account, which has to get through this directory. It need not read it: the cluster
 * below it is that account's own, everything else here stays root's.
 */
function makeDataDirectory(dataDir: string): void {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const stat = fs.statSync(dataDir);
  if (process.getuid?.() === 0 && stat.uid === 0 && (stat.mode & 0o001) === 0) {
    fs.chmodSync(dataDir, (stat.mode & 0o7777) | 0o001);
  }
}
