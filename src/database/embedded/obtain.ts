import { setTimeout as delay } from 'node:timers/promises';
import { type Place } from './place.js';
import { type Endpoint } from './postmaster-file.js';
import { occupantOf, signal } from './processes.js';
import { accepts } from './readiness.js';
import { watchServer, type Server } from './server.js';
import { prepareSocketDirectory, restoreSocketDirectory, SOCKET_PORT } from './socket-directory.js';
import { launchUnderWatchdog } from './watchdog.js';
import { launchOnWindows } from './windows.js';

/** How long another server, or the remains of one, may be in the way, in milliseconds. */
const PATIENCE_MS = 60_000;
const REMAINS_PATIENCE_MS = 5_000;
const RETRY_MS = 20;

/**
 * A server on the cluster: the one that is running already, or a new one. Of several processes that start at once one gets to start it and
 * the others find it.
 *
 * @param known where clients of this process already look for the server, so that a new one listens there again
 * @throws Error with what the server said when it does not start, or when the cluster is in use and cannot be reached
 */
export async function obtainServer(place: Place, known: Endpoint | undefined): Promise<Server> {
  let deadline = Date.now() + PATIENCE_MS;
  let lastSignal = Date.now();
  for (;;) {
    const occupant = occupantOf(place.cluster);
    switch (occupant.kind) {
      case 'server': {
        const { pid, status, endpoint } = occupant.file;
        if (status === 'ready' && endpoint !== undefined && (await accepts(endpoint)))
          return adopt(place, pid, endpoint);
        // Recovery after a crash takes as long as it takes.
        if (status === 'starting') deadline = Date.now() + PATIENCE_MS;
        break;
      }
      case 'remains':
        // They end by themselves when they notice that their server is gone. SIGQUIT: at once, without touching the data.
        if (Date.now() - lastSignal > REMAINS_PATIENCE_MS) {
          signal(occupant.pids, 'SIGQUIT');
          lastSignal = Date.now();
        }
        break;
      case 'nobody': {
        const server = await launch(place, known, occupant.stalePid);
        if (server !== 'taken') return server;
      }
    }
    if (Date.now() > deadline) {
      throw new Error(`Another process, perhaps in another container, uses ${place.cluster} and cannot be reached.`);
    }
    await delay(RETRY_MS);
  }
}

function launch(place: Place, known: Endpoint | undefined, stalePid: number | undefined): Promise<Server | 'taken'> {
  if (place.tcp !== undefined) return launchOnWindows(place, { host: '127.0.0.1', port: place.tcp.port });
  const { account } = place.identity;
  if (known !== undefined) restoreSocketDirectory(known.host, account);
  const endpoint = known ?? { host: prepareSocketDirectory(place.cluster, account), port: SOCKET_PORT };
  return launchUnderWatchdog(place, endpoint, stalePid);
}

/** A server that another process started. */
function adopt(place: Place, pid: number, endpoint: Endpoint): Server {
  const { gone, release } = watchServer(place.cluster, pid);
  return {
    endpoint,
    owned: false,
    gone,
    stop: () => {
      release();
      return gone;
    },
  };
}
