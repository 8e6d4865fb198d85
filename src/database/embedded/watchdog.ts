import { spawn, type ChildProcessByStdio } from 'node:child_process';
import fs from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { program } from './binaries.js';
import { serverEnvironment } from './environment.js';
import { asAccount } from './identity.js';
import { type Place } from './place.js';
import { type Endpoint } from './postmaster-file.js';
import { occupantOf, signal } from './processes.js';
import { accepts } from './readiness.js';
import { type Server } from './server.js';
import { socketIn } from './socket-directory.js';

/** The script's answer when a server, or the remains of one, holds the cluster. */
const TAKEN = 75;

/**
 * Runs the server for as long as its standard input stays open. The kernel closes that pipe however we end, kill -9 included; the server
 * then shuts down in good order instead of living on without a master.
 *
 * Arguments: the cluster, the socket, the stale pid or nothing, then the server's command line. Prints the server's pid.
 *
 * Postgres refuses to start whenever the pid in a stale postmaster.pid belongs to some other process by now, so that file has to go. The lock on
 * PG_VERSION is inherited by every process of a server, and the kernel keeps it until the last of them is gone: a proof, across pid
 * namespaces too, that nobody needs the file. Where there is no flock (macOS) it is removed only if it still holds the pid of which our
 * caller knows that it is no server, and only if that pid is alive: in all other cases Postgres's own checks are better. SIGINT is the fast shutdown: clients are disconnected,
 * nothing is lost.
 */
const SCRIPT = `
exec 3<&0 </dev/null
cluster=$1; socket=$2; stale=$3; shift 3
exec 4<"$cluster/PG_VERSION" || exit 1
remove_stale() { rm -f "$cluster/postmaster.pid" "$socket.lock" "$socket"; }
if command -v flock >/dev/null; then
  flock -n -E ${TAKEN} 4
  [ $? -ne ${TAKEN} ] || exit ${TAKEN}
  remove_stale
elif [ "$(head -n 1 "$cluster/postmaster.pid" 2>/dev/null)" = "$stale" ] && kill -0 "$stale" 2>/dev/null; then
  remove_stale
fi
"$@" 3<&- >&2 &
server=$!
echo "$server"
exec >&2
trap 'kill -INT "$server"' INT TERM HUP
{
  exec 4<&-
  read -r _ <&3
  while kill -INT "$server" 2>/dev/null; do sleep 1; done
} &
watcher=$!
exec 3<&-
while :; do
  wait "$server"
  status=$?
  kill -0 "$server" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null
exit "$status"
`;

/** How long a fast shutdown may take before the server is told to drop everything (it recovers at its next start), in milliseconds. */
const SHUTDOWN_PATIENCE_MS = 30_000;
const POLL_MS = 5;
const LARGEST_LOG_BYTES = 10 * 1024 * 1024;

type Watchdog = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Starts a server that ends with this process, and waits until it accepts connections.
 *
 * @param stalePid what a stale postmaster.pid says
 * @returns `taken` when another process was faster
 * @throws Error with the end of the server's log when it does not come up
 */
export async function launchUnderWatchdog(
  place: Place,
  endpoint: Endpoint,
  stalePid: number | undefined,
): Promise<Server | 'taken'> {
  const logStart = rotateLog(place.logFile);
  const watchdog = spawnWatchdog(place, endpoint, stalePid);
  let serverPid: number | undefined;
  createInterface(watchdog.stdout).once('line', (line) => (serverPid = Number(line)));
  let exitCode: number | undefined;
  const gone = new Promise<void>((resolve) => {
    const ended = (code: number | null): void => {
      exitCode = code ?? -1;
      // If somebody killed the watchdog alone, this tells what is left of it to end the server.
      watchdog.stdin.destroy();
      resolve();
    };
    watchdog.once('exit', ended).once('error', () => {
      ended(null);
    });
  });
  const hasExited = (): boolean => exitCode !== undefined;

  while (!hasExited()) {
    const occupant = occupantOf(place.cluster);
    // Ours, not that of another process which was faster.
    const isOurs = occupant.kind === 'server' && occupant.file.pid === serverPid;
    if (isOurs && occupant.file.status === 'ready' && (await accepts(endpoint))) break;
    await delay(POLL_MS);
  }
  if (hasExited()) {
    if (exitCode === TAKEN || occupantOf(place.cluster).kind === 'server') return 'taken';
    throw new Error(`The embedded database did not start: ${endOfLog(place.logFile, logStart)}`);
  }
  letGo(watchdog);
  return { endpoint, owned: true, gone, stop: () => stopServer(place, watchdog, gone) };
}

function spawnWatchdog(place: Place, endpoint: Endpoint, stalePid: number | undefined): Watchdog {
  const settings = { listen_addresses: '', unix_socket_permissions: '0700', ...place.settings };
  const server = [
    ...place.identity.wrapper,
    program(place.binaries, 'postgres'),
    ...['-D', place.cluster, '-k', endpoint.host, '-p', String(endpoint.port)],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const log = fs.openSync(place.logFile, 'a', 0o600);
  try {
    const parameters = [place.cluster, socketIn(endpoint.host), String(stalePid ?? ''), ...server];
    return spawn('/bin/sh', ['-c', SCRIPT, 'portcullis-postgres', ...parameters], {
      ...asAccount(place.identity.account),
      env: serverEnvironment(),
      cwd: path.parse(place.cluster).root,
      stdio: ['pipe', 'pipe', log],
      // A session of its own: Ctrl-C in a terminal must not reach the database before the service has closed.
      detached: true,
    }) as unknown as Watchdog;
  } finally {
    fs.closeSync(log);
  }
}

/** The server does not keep this process alive. */
function letGo(watchdog: Watchdog): void {
  watchdog.unref();
  // Writing to a watchdog that is gone fails; that it is gone is known from its exit.
  watchdog.stdin.on('error', () => undefined);
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  watchdog.stdout.destroy();
}

async function stopServer(place: Place, watchdog: Watchdog, gone: Promise<void>): Promise<void> {
  watchdog.ref();
  watchdog.stdin.end();
  const timer = setTimeout(() => {
    const occupant = occupantOf(place.cluster);
    if (occupant.kind === 'server') signal([occupant.file.pid], 'SIGQUIT');
  }, SHUTDOWN_PATIENCE_MS);
  await gone;
  clearTimeout(timer);
}

/** Keeps the log from growing for ever; returns its present size in bytes. */
function rotateLog(logFile: string): number {
  const size = fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= LARGEST_LOG_BYTES) return size;
  fs.renameSync(logFile, `${logFile}.1`);
  return 0;
}

function endOfLog(logFile: string, from: number): string {
  const said = fs.readFileSync(logFile).subarray(from).toString('utf8').trim();
  return said === '' ? `it said nothing (see ${logFile}).` : said.slice(-1500);
}
