import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.js';

const SCRIPT = new URL('../servers/service.js', import.meta.url);
const ADMIN = { username: 'admin', password: randomBytes(16).toString('base64url') };

/**
 * The whole service, as `npm start` runs it, with an embedded Postgres of its own in a temporary directory. Only the rate limits are off and
 * the log is down to warnings.
 */
export async function startService({ flags, env = {} }) {
  const dataDir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  process.on('exit', () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const child = await Child.start(SCRIPT, {
    flags,
    env: {
      PORT: '0',
      PORTCULLIS_DATA_DIR: dataDir,
      PORTCULLIS_ADMIN_USERNAME: ADMIN.username,
      PORTCULLIS_ADMIN_PASSWORD: ADMIN.password,
      PORTCULLIS_RATE_LIMITS: 'off',
      PORTCULLIS_LOG_LEVEL: 'warn',
      ...env,
    },
  });
  const { port } = await child.ask('listen');
  return { child, port };
}

/** A token pair of the first admin. */
export async function logIn(port) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ADMIN),
  });
  if (!response.ok) throw new Error(`the login failed: ${response.status} ${await response.text()}`);
  return response.json();
}
