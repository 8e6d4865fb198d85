import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../portcullis.js';

/** Debian puts nginx where only root looks for programs. */
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;

/** How each of them is started from one directory, which is deleted afterwards. */
const GATEWAYS = {
  nginx: {
    configuration: 'nginx/portcullis.conf',
    prepare(directory, configuration) {
      writeFileSync(join(directory, 'portcullis.conf'), configuration);
      writeFileSync(join(directory, 'nginx.conf'), NGINX_CONF);
      return ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'];
    },
  },
  caddy: {
    configuration: 'caddy/Caddyfile',
    prepare(directory, configuration) {
      writeFileSync(join(directory, 'Caddyfile'), configuration);
      return ['run', '--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'];
    },
  },
};

/** What Debian's nginx.conf does, with every file in one directory. */
const NGINX_CONF = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  scgi_temp_path scgi;
  uwsgi_temp_path uwsgi;
  include portcullis.conf;
}
`;

/** Whether that program is on this machine. */
export function isInstalled(name) {
  return PATH.split(':').some((directory) => existsSync(join(directory, name)));
}

/**
 * Starts a gateway with the configuration that stands here, but for the addresses: its own port is a free one.
 *
 * @param {'nginx' | 'caddy'} name
 * @param {{ portcullis: string, service: string }} behind host and port of each
 */
export async function startGateway(name, { portcullis, service }) {
  const { configuration, prepare } = GATEWAYS[name];
  const directory = mkdtempSync(join(tmpdir(), `portcullis-${name}-`));
  // Started by root, nginx runs its workers as somebody else.
  chmodSync(directory, 0o755);
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const text = readFileSync(join(import.meta.dirname, configuration), 'utf8')
    .replaceAll(':8080', `:${port}`)
    .replaceAll('127.0.0.1:3000', portcullis)
    .replaceAll('127.0.0.1:4000', service);
  const gateway = spawn(name, prepare(directory, text), {
    env: environment(directory),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  gateway.stderr.setEncoding('utf8').on('data', (part) => (said += part));
  const ended = once(gateway, 'exit');

  async function stop() {
    gateway.kill();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }

  while (!(await accepts(address))) {
    if (gateway.exitCode !== null) {
      await stop();
      throw new Error(`${name} did not start: ${said}`);
    }
    await delay(20);
  }
  return { url: `http://${address}`, stop, said: () => said };
}

function environment(directory) {
  return { PATH, HOME: directory, TMPDIR: directory };
}

async function accepts(address) {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
