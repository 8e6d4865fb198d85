import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startPortcullis } from '../portcullis.js';
import { createBackend } from '../protected-backend/backend.js';
import { must } from '../requests.js';

const AUDIENCE = 'https://orders.example.org';

const { issuer, portcullis, admin, stop } = await startPortcullis();
const server = createBackend({ issuer, audience: AUDIENCE }).listen(0, '127.0.0.1');
try {
  await once(server, 'listening');

  // What an administrator sets up once. The secret is shown this one time.
  await must(admin.post('/v1/audiences', { identifier: AUDIENCE, algorithm: 'RS256' }));
  await must(admin.post('/v1/permissions', { name: 'orders:read' }));
  const nightly = await must(
    admin.post('/v1/clients', {
      ...{ clientId: 'nightly-report', name: 'Nightly report' },
      ...{ permissions: ['orders:read'], audiences: [AUDIENCE] },
    }),
  );
  await program('the client', nightly.clientSecret);
  console.log(`tokens issued: ${await issued()} for both calls`);

  // Another secret, while the first is good for ten minutes more: time to bring it to where the program runs.
  const { clientSecret } = await must(
    admin.post('/v1/clients/nightly-report/secrets', { expiresPreviousInSeconds: 600 }),
  );
  await program('with the new secret', clientSecret);
  await program('with the old one, for now', nightly.clientSecret);

  await must(admin.post('/v1/clients/nightly-report/disable'));
  await program('disabled', clientSecret);
} finally {
  server.close();
  server.closeAllConnections();
  await stop();
}

/** Runs `main.js` as a scheduler would. */
async function program(title, clientSecret) {
  const { PATH, HOME } = process.env;
  const env = {
    ...{ PATH, HOME, ISSUER: issuer, CLIENT_ID: 'nightly-report', CLIENT_SECRET: clientSecret },
    ...{ RESOURCE: AUDIENCE, API: `http://127.0.0.1:${server.address().port}` },
  };
  const main = join(import.meta.dirname, 'main.js');
  const said = await new Promise((resolve) => {
    const child = execFile(process.execPath, [main], { env }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}status ${child.exitCode}`),
    );
  });
  console.log(`\n${title}\n${said.replace(/^/gm, '  ')}`);
}

/** How many tokens Portcullis has issued to clients so far. */
async function issued() {
  const [, count] = /^portcullis_oauth_tokens_total\{grant="client_credentials"\} (\d+)$/m.exec(
    await must(portcullis.get('/metrics')),
  );
  return count;
}
