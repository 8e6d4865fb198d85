import { Child } from './measuring/child.js';
import { pin, twoCores } from './measuring/cores.js';
import { descendants } from './measuring/descendants.js';
import { inRotation } from './measuring/rotation.js';
import { logIn, startService } from './measuring/service.js';
import { number, printTable } from './measuring/table.js';

const BARE = 'bare Fastify';
const OPEN = 'Portcullis, public route';
const GUARDED = 'Portcullis, guarded route';
const MEBIBYTE = 2 ** 20;

/** The guarded request against bare Fastify that is sent the same: how much of the machine is left when every request is checked. */
export async function guard({ seconds, connections, semiSpace }) {
  const flags = semiSpace > 0 ? [`--max-semi-space-size=${semiSpace}`] : [];
  const bare = await startBare(flags);
  const service = await startService({ flags });
  const load = await Child.start(new URL('./load/generator.js', import.meta.url));
  try {
    const { access_token: token } = await logIn(service.port);
    const cores = twoCores();
    if (cores !== null) {
      for (const { child } of [bare, service]) pin(child.pid, cores.server);
      for (const { pid } of [load, ...descendants(service.child.pid)]) pin(pid, cores.load);
    }
    const idle = await service.child.ask('usage');
    const subject = (server, path) => (slice) => measure({ server, path, token, load, connections, seconds: slice });
    const measured = await inRotation(
      {
        [BARE]: subject(bare, '/bench'),
        [OPEN]: subject(service, '/bench/open'),
        [GUARDED]: subject(service, '/bench/guarded'),
      },
      seconds,
    );
    report({ ...measured, idle, flags, cores, connections });
  } finally {
    await Promise.all([bare.child, service.child, load].map((child) => child.stop()));
  }
}

async function startBare(flags) {
  const child = await Child.start(new URL('./servers/bare-fastify.js', import.meta.url), { flags });
  return { child, ...(await child.ask('listen')) };
}

/** One slice of one subject. CPU times are in µs per request. */
async function measure({ server: { child, port }, path, token, load, connections, seconds }) {
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const before = await usage(child, load);
  const traffic = await load.ask('run', { port, requests: [request], connections, seconds });
  const after = await usage(child, load);
  const perRequest = (name) => (after[name] - before[name]) / traffic.requests;
  return {
    calls: traffic.requests,
    rate: traffic.requests / traffic.seconds,
    p50: traffic.p50,
    p99: traffic.p99,
    serverCpu: perRequest('server'),
    postgresCpu: perRequest('postgres'),
    serverBusy: (after.server - before.server) / 1e6 / traffic.seconds,
    loadBusy: (after.load - before.load) / 1e6 / traffic.seconds,
    memory: after.memory,
  };
}

async function usage(server, load) {
  const [{ cpu, memory }, { cpu: loadCpu }] = await Promise.all([server.ask('usage'), load.ask('usage')]);
  return { server: cpu, postgres: total(descendants(server.pid)), load: loadCpu, memory };
}

function total(processes) {
  return processes.reduce((sum, { cpu }) => sum + cpu, 0);
}

function report({ results, rounds, slice, idle, flags, cores, connections }) {
  const where =
    cores === null ? 'not pinned to cores' : `server on core ${cores.server}, load and Postgres on core ${cores.load}`;
  console.log(`\nThe guarded request. Node ${process.versions.node} ${flags.join(' ')}; ${where};`);
  console.log(`${connections} connections, medians of ${rounds} slices of ${number(slice, 1)} s each, in rotation.\n`);
  const base = results[BARE];
  printTable(
    [
      '',
      'requests/s',
      'p50 ms',
      'p99 ms',
      'server µs',
      'Postgres µs',
      'server busy',
      'load busy',
      'ratio by rate',
      'by CPU',
    ],
    Object.entries(results).map(([name, result]) => [
      name,
      number(result.rate),
      number(result.p50, 2),
      number(result.p99, 2),
      number(result.serverCpu, 1),
      number(result.postgresCpu, 1),
      `${number(result.serverBusy * 100)} %`,
      `${number(result.loadBusy * 100)} %`,
      number(result.rate / base.rate, 2),
      number(base.serverCpu / result.serverCpu, 2),
    ]),
  );
  const [atRest, loaded] = [idle.memory, results[GUARDED].memory].map((bytes) => number(bytes / MEBIBYTE));
  console.log('\nCPU times are per request; that of Postgres is apart and in no ratio.');
  console.log(`Memory of the service, without Postgres: ${atRest} MiB idle, ${loaded} MiB under load (RSS).`);
  console.log(
    `Guarded request: ${number(base.serverCpu / results[GUARDED].serverCpu, 2)} of bare Fastify by server CPU.`,
  );
}
