import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

declare global {
  /** Ends the Postgres server of this run; global-teardown.ts calls it. */
  var stopTestServer: (() => Promise<void>) | undefined;
}

/**
 * Starts one Postgres server for the whole run. Jest loads this file outside its module system, where TypeScript's `.js` specifiers lead
 * nowhere, so this file imports none of ours: the server is a process of its own, which also outlives a killed Jest long enough to
 * clean up.
 */
export default async function globalSetup(): Promise<void> {
  const support = path.join(process.cwd(), 'test', 'support');
  const server = spawn(
    process.execPath,
    [
      '--no-warnings',
      '--import',
      pathToFileURL(path.join(support, 'typescript.js')).href,
      path.join(support, 'test-server.ts'),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const firstLine = new Promise<string>((resolve) => createInterface(server.stdout).once('line', resolve));
  const line = await Promise.race([firstLine, exited]);
  if (line === undefined) throw new Error('The Postgres server for the tests did not start; its messages are above.');
  const { adminUrl, template } = JSON.parse(line) as { adminUrl: string; template: string };
  process.env.TEST_POSTGRES_ADMIN_URL = adminUrl;
  process.env.TEST_POSTGRES_TEMPLATE = template;
  globalThis.stopTestServer = () => {
    server.stdin.end();
    return exited;
  };
}
