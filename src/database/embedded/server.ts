import { readPostmasterFile, type Endpoint } from './postmaster-file.js';
import { isAlive, isServerOf } from './processes.js';

/** A server that accepts connections. */
export interface Server {
  readonly endpoint: Endpoint;
  /** Whether this process started it, and so ends it. */
  readonly owned: boolean;
  /** Resolves when the server has ended, for whatever reason. */
  readonly gone: Promise<void>;
  /** Ends a server of our own (open transactions are rolled back) and waits for it; lets go of another's. */
  stop(): Promise<void>;
}

const WATCH_MS = 100;

/** Watches a server that is not our child. `release` ends the watch as if the server had ended. */
export function watchServer(cluster: string, pid: number): { gone: Promise<void>; release: () => void } {
  const { promise, resolve } = deferred();
  const timer = setInterval(() => {
    if (hasEnded(cluster, pid)) release();
  }, WATCH_MS).unref();
  const release = (): void => {
    clearInterval(timer);
    resolve();
  };
  return { gone: promise, release };
}

function hasEnded(cluster: string, pid: number): boolean {
  if (readPostmasterFile(cluster)?.pid !== pid || !isAlive(pid)) return true;
  // Cheap on Linux, where it also sees through zombies; elsewhere it would start a process each time.
  return process.platform === 'linux' && !isServerOf(pid, cluster);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((fulfil) => (resolve = fulfil));
  return { promise, resolve };
}
