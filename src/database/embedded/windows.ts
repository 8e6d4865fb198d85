import { spawn } from 'node:child_process';
import { program } from './binaries.js';
import { serverEnvironment } from './environment.js';
import { type Place } from './place.js';
import { readPostmasterFile, type Endpoint } from './postmaster-file.js';
import { watchServer, type Server } from './server.js';

/** How long a start (with recovery) or a stop may take, in seconds. */
const PATIENCE_SECONDS = 300;

/**
 * Starts a server by `pg_ctl`, which on Windows also gives up an administrator's rights, as Postgres demands. There is no watchdog: if this
 * process is killed, the server lives on, and the next start finds and uses it.
 *
 * @returns `taken` when another process was faster
 * @throws Error with what pg_ctl said when it does not come up
 */
export async function launchOnWindows(place: Place, endpoint: Endpoint): Promise<Server | 'taken'> {
  const settings = { listen_addresses: endpoint.host, port: String(endpoint.port), ...place.settings };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const { code, output } = await pgCtl(place, ['start', '-l', place.logFile, '-o', options.join(' ')]);
  const file = readPostmasterFile(place.cluster);
  if (code !== 0 || file === undefined) {
    if (file?.status === 'ready') return 'taken';
    throw new Error(`The embedded database did not start: ${output.trim()} (see ${place.logFile}).`);
  }
  const { gone, release } = watchServer(place.cluster, file.pid);
  return {
    endpoint,
    owned: true,
    gone,
    stop: async () => {
      await pgCtl(place, ['stop', '-m', 'fast']);
      release();
    },
  };
}

function pgCtl(place: Place, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const common = ['-D', place.cluster, '-w', '-t', String(PATIENCE_SECONDS)];
  return new Promise((resolve, reject) => {
    const child = spawn(program(place.binaries, 'pg_ctl'), [...args, ...common], {
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    // Not `close`: the server inherits the pipe and keeps it open.
    child.once('exit', (code) => {
      child.stderr.destroy();
      resolve({ code, output });
    });
  });
}
