import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Child } from './measuring/child.js';
import { descendants } from './measuring/descendants.js';
import { inRotation } from './measuring/rotation.js';
import { number, printTable } from './measuring/table.js';

const MAIN = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));
const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
const MEBIBYTE = 2 ** 20;
const ALONE = 'one process';
const TWO = 'two workers';

/** What a second worker adds to guarded requests. Load, Postgres and all processes share the machine's cores, as they would on one machine. */
export async function workers({ seconds, connections }) {
  const [alone, two] = [await start(1), await start(2)];
  const load = await Child.start(new URL('./load/generator.js', import.meta.url));
  try {
    const subject = (service) => (slice) => measure({ service, load, connections, seconds: slice });
    report(await inRotation({ [ALONE]: subject(alone), [TWO]: subject(two) }, seconds), connections);
  } finally {
    await Promise.all([alone.stop(), two.stop(), load.stop()]);
  }
}

/** The built service as its users start it, with an embedded Postgres of its own. */
async function start(count) {
  const dataDir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: '0',
    PORTCULLIS_DATA_DIR: dataDir,
    PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
    PORTCULLIS_RATE_LIMITS: 'off',
    PORTCULLIS_LOG_LEVEL: 'warn',
    PORTCULLIS_WORKERS: String(count),
    PORTCULLIS_ACCESS_TOKEN_TTL: '1h',
    PORTCULLIS_ISSUER: 'http://localhost:3000',
  };
  const service = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(service, 'exit');
  const port = await portOf(service);
  const response = await fetch(`http://127.0.0.1:${port}/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ADMIN),
  });
  const { access_token: token } = await response.json();
  const stop = async () => {
    service.kill();
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { pid: service.pid, port, token, stop };
}

async function portOf(service) {
  for await (const line of createInterface(service.stdout)) {
    const [, port] = /listening on http:\/\/localhost:(\d+)/.exec(line) ?? [];
    if (port === undefined) continue;
    service.stdout.resume();
    return Number(port);
  }
  throw new Error('the service did not start');
}

/** One slice. CPU times are in µs per request. */
async function measure({ service: { pid, port, token }, load, connections, seconds }) {
  const request = `GET /v1/auth/check HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const before = cpuOf(pid);
  const traffic = await load.ask('run', { port, requests: [request], connections, seconds });
  const after = cpuOf(pid);
  return {
    calls: traffic.requests,
    rate: traffic.requests / traffic.seconds,
    p50: traffic.p50,
    p99: traffic.p99,
    serverCpu: (after.server - before.server) / traffic.requests,
    postgresCpu: (after.postgres - before.postgres) / traffic.requests,
    memory: await memoryOf(port),
  };
}

function cpuOf(pid) {
  const itself = descendants(process.pid).filter((process) => process.pid === pid);
  const sums = { server: 0, postgres: 0 };
  for (const process of [...itself, ...descendants(pid)])
    sums[isNode(process.pid) ? 'server' : 'postgres'] += process.cpu;
  return sums;
}

function isNode(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('node');
  } catch {
    return false; // It has ended meanwhile.
  }
}

async function memoryOf(port) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const sizes = [...text.matchAll(/^process_resident_memory_bytes(?:\{.*\})? (\d+)$/gm)];
  return sizes.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function report({ results, rounds, slice }, connections) {
  console.log(`\nGuarded requests (GET /v1/auth/check). Node ${process.versions.node}; not pinned to cores;`);
  console.log(`${connections} connections, medians of ${rounds} slices of ${number(slice, 1)} s each, in rotation.\n`);
  printTable(
    ['', 'requests/s', 'p50 ms', 'p99 ms', 'server µs', 'Postgres µs', 'MiB, workers', 'ratio by rate'],
    Object.entries(results).map(([name, result]) => [
      name,
      number(result.rate),
      number(result.p50, 2),
      number(result.p99, 2),
      number(result.serverCpu, 1),
      number(result.postgresCpu, 1),
      number(result.memory / MEBIBYTE),
      number(result.rate / results[ALONE].rate, 2),
    ]),
  );
}
