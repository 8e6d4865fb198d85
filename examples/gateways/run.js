import { once } from 'node:events';
import { logIn, startPortcullis } from '../portcullis.js';
import { must, requests } from '../requests.js';
import { isInstalled, startGateway } from './gateway.js';
import { createService } from './service.js';

const ALICE = { username: 'alice', password: 'correct horse battery staple' };

const { issuer, portcullis, admin, stop } = await startPortcullis();
const service = createService().listen(0, '127.0.0.1');
try {
  await once(service, 'listening');

  // What an administrator sets up once: what may be done, and who may.
  await must(admin.post('/v1/permissions', { name: 'orders:read' }));
  await must(admin.post('/v1/permissions', { name: 'reports:read' }));
  await must(admin.post('/v1/roles', { name: 'clerk', permissions: ['orders:read'] }));
  const alice = await must(admin.post('/v1/users', { ...ALICE, email: 'alice@example.org', roles: ['clerk'] }));

  for (const name of ['nginx', 'caddy']) {
    if (isInstalled(name)) await tour(name, alice.id);
    else console.log(`${name}: not installed (Debian: apt-get install ${name})`);
  }
} finally {
  service.close();
  service.closeAllConnections();
  await stop();
}

async function tour(name, aliceId) {
  const behind = { portcullis: new URL(issuer).host, service: `127.0.0.1:${service.address().port}` };
  const gateway = await startGateway(name, behind);
  try {
    console.log(name);
    const anybody = requests(gateway.url);
    const alice = anybody.as((await logIn(portcullis, ALICE)).token);
    const show = shower(aliceId);
    await show('the public route', anybody.get('/'));
    await show('orders, without a token', anybody.get('/orders'));
    await show('orders, as Alice', alice.get('/orders'));
    await show('reports, as Alice', alice.get('/reports'));
    const claimed = { 'X-Auth-Subject': 'the boss', X_Auth_Subject: 'the boss', 'x-auth-roles': 'admin' };
    await show('the public route, as the boss', anybody.with(claimed).get('/'));
    await show('orders, as Alice and the boss', alice.with(claimed).get('/orders'));
    await must(admin.post(`/v1/users/${aliceId}/disable`));
    await show('orders, as Alice, disabled', alice.get('/orders'));
    await must(admin.post(`/v1/users/${aliceId}/enable`));
  } finally {
    await gateway.stop();
  }
}

/** The service answers with what the gateway told it. */
function shower(aliceId) {
  return async function show(what, request) {
    const { status, body } = await request;
    const { 'x-auth-subject': subject, 'x-auth-roles': roles } = body.heard ?? {};
    const caller = subject === aliceId ? 'alice' : (subject ?? 'nobody');
    const heard = status === 200 ? `${body.resource}, for ${caller}${roles ? ` (${roles})` : ''}` : '';
    console.log(`  ${what.padEnd(32)}${status} ${heard}`.trimEnd());
  };
}
