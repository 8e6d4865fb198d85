import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { logIn, startPortcullis } from '../portcullis.js';
import { must, requests } from '../requests.js';

const HERE = import.meta.dirname;
const ORDERS = 'urn:shop:orders';
const BILLING = 'urn:shop:billing';
const ALICE = { username: 'alice', password: 'correct horse battery staple' };

const { issuer, portcullis, admin, stop } = await startPortcullis();
const children = [];
try {
  execFileSync(process.execPath, [join(HERE, '../../node_modules/typescript/bin/tsc'), '-p', HERE], {
    stdio: 'inherit',
  });

  // What an administrator sets up once: two services, what may be done there, and who may.
  for (const identifier of [ORDERS, BILLING])
    await must(admin.post('/v1/audiences', { identifier, algorithm: 'RS256' }));
  for (const name of ['orders:read', 'invoices:read']) await must(admin.post('/v1/permissions', { name }));
  await must(admin.post('/v1/roles', { name: 'clerk', permissions: ['orders:read', 'invoices:read'] }));
  const alice = await must(admin.post('/v1/users', { ...ALICE, email: 'alice@example.org', roles: ['clerk'] }));

  const billing = await startService('billing-main.js', 'billing', BILLING);
  const orders = await startService('orders.js', 'orders', ORDERS, { BILLING: billing });

  let { token } = await logIn(portcullis, ALICE, [ORDERS, BILLING]);
  await show('no token', requests(orders).get('/orders'));
  await show('Alice, at orders', requests(orders, token).get('/orders'));
  await show('Alice, at billing by orders', requests(orders, token).get('/orders/invoices'));

  await ended('she is disabled', admin.post(`/v1/users/${alice.id}/disable`));

  await must(admin.post(`/v1/users/${alice.id}/enable`));
  await show('enabled, with the same token', requests(orders, token).get('/orders'));
  ({ token } = await logIn(portcullis, ALICE, [ORDERS, BILLING]));
  await show('logged in again', requests(orders, token).get('/orders'));

  const forced = { scope: 'user', key: alice.id, reason: 'she lost her phone' };
  await ended('her tokens are ended', admin.post('/v1/forced-expirations', forced));

  ({ token } = await logIn(portcullis, ALICE, [ORDERS, BILLING]));
  await show('logged in again', requests(billing, token).get('/invoices'));
  const since = performance.now();
  const [{ status, code, at }] = await Promise.all([refusal(billing, '/invoices'), stop()]);
  console.log(`${'Portcullis stops'.padEnd(30)}billing: ${status} ${code} after ${ms(since, at)}`);

  /** Ends the token, and tells how long after that was committed the last service has refused it. */
  async function ended(how, request) {
    const [since, ...refused] = await Promise.all([
      must(request).then(() => performance.now()),
      ...[refusal(orders, '/orders'), refusal(billing, '/invoices')],
    ]);
    const names = ['orders', 'billing'];
    const said = refused.map(({ at, reason }, index) => `${names[index]}: 401 ${reason} within ${ms(since, at)}`);
    console.log(`${how.padEnd(30)}${said.join(', ')}`);
  }

  /** Asks again and again until the answer is no. */
  async function refusal(service, path) {
    for (;;) {
      const { status, body } = await requests(service, token).get(path);
      if (status !== 200) return { ...body, at: performance.now() };
    }
  }
} finally {
  for (const child of children) child.kill();
  await stop();
}

/** Starts one service as a process of its own, with the client by which it follows what ends. */
async function startService(file, name, audience, others = {}) {
  const client = await must(admin.post('/v1/clients', { name, permissions: ['validity:read'], audiences: [] }));
  const { PATH, HOME } = process.env;
  const env = {
    ...{ PATH, HOME, ISSUER: issuer, AUDIENCE: audience },
    ...{ CLIENT_ID: client.clientId, CLIENT_SECRET: client.clientSecret, ...others },
  };
  const child = spawn(process.execPath, [join(HERE, file)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  const [, port] = /^listening on (\d+)$/.exec(line) ?? [];
  if (port === undefined) throw new Error(`${name} did not start: ${line}`);
  return `http://127.0.0.1:${port}`;
}

async function show(who, request) {
  const { status, body } = await request;
  const said = body.orders ?? body.invoices ?? body.reason ?? body.code;
  console.log(`${who.padEnd(30)}${status} ${[said].flat().join(', ')}`);
}

function ms(since, at = performance.now()) {
  return `${Math.max(0, Math.ceil(at - since))} ms`;
}
