import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requests } from './requests.js';

const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'dist', 'src', 'main.js');

/**
 * A Portcullis for one example: on a free port, with a database of its own in a directory that `stop` deletes. It is built first where it was not.
 *
 * @param {Record<string, string>} settings more variables of its environment
 */
export async function startPortcullis(settings = {}) {
  if (!existsSync(MAIN)) execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  const { PATH, HOME } = process.env;
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-example-'));
  const port = await freePort();
  const password = randomBytes(18).toString('base64url');
  const service = spawn(process.execPath, [MAIN], {
    cwd: ROOT,
    env: {
      ...{ PATH, HOME, PORT: String(port), PORTCULLIS_DATA_DIR: directory, PORTCULLIS_ADMIN_PASSWORD: password },
      ...{ PORTCULLIS_LOG_LEVEL: 'error', ...settings },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(service, 'exit');

  async function stop() {
    service.kill();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }

  // By Ctrl-C the service is told as well, and stops its database.
  process.once('SIGINT', () => void stop().then(() => process.exit(130)));

  const ready = await Promise.race([printed(service.stdout, 'Swagger UI:'), ended.then(() => false)]);
  if (!ready) {
    await stop();
    throw new Error('Portcullis did not start: see above.');
  }
  const issuer = `http://localhost:${port}`;
  const portcullis = requests(issuer);
  return { issuer, portcullis, admin: await logIn(portcullis, { username: 'admin', password }), stop };
}

/** Requests in the name of somebody who has logged in; with `audience`, by a token for these services. */
export async function logIn(portcullis, { username, password }, audience) {
  const { status, body } = await portcullis.post('/v1/auth/login', { username, password, audience });
  if (status !== 200) throw new Error(`${username} cannot log in: ${body.code}`);
  return portcullis.as(body.access_token);
}

/** Whether the stream said this; false when it ended without. It is read on, so that it never fills up. */
function printed(stream, text) {
  let said = '';
  return new Promise((resolve) => {
    stream.setEncoding('utf8').on('data', (part) => {
      said += part;
      if (said.includes(text)) resolve(true);
    });
    stream.on('end', () => resolve(false));
  });
}

/** A port of the loopback address that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
