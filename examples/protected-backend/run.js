import { once } from 'node:events';
import { logIn, startPortcullis } from '../portcullis.js';
import { must, requests } from '../requests.js';
import { createBackend } from './backend.js';

const AUDIENCE = 'https://orders.example.org';
const ALICE = { username: 'alice', password: 'correct horse battery staple' };
const BOB = { username: 'bob', password: 'violet otters juggle lanterns' };

const { issuer, portcullis, admin, stop } = await startPortcullis({ PORTCULLIS_JWKS_MAX_AGE: '1' });
const server = createBackend({ issuer, audience: AUDIENCE }).listen(0, '127.0.0.1');
try {
  await once(server, 'listening');
  const backend = requests(`http://127.0.0.1:${server.address().port}`);

  // What an administrator sets up once: the service, what may be done there, and who may.
  await must(admin.post('/v1/audiences', { identifier: AUDIENCE, algorithm: 'RS256' }));
  await must(admin.post('/v1/permissions', { name: 'orders:read' }));
  await must(admin.post('/v1/roles', { name: 'clerk', permissions: ['orders:read'] }));
  const alice = await must(admin.post('/v1/users', { ...ALICE, email: 'alice@example.org', roles: ['clerk'] }));
  await must(admin.post('/v1/users', { ...BOB, email: 'bob@example.org' }));

  await show('the public route', backend.get('/'));
  await show('no token', backend.get('/orders'));

  const forBackend = await logIn(portcullis, ALICE, [AUDIENCE]);
  await show('Alice, with a token for it', backend.as(forBackend.token).get('/orders'));
  const forPortcullis = await logIn(portcullis, ALICE);
  await show('Alice, with one for Portcullis', backend.as(forPortcullis.token).get('/orders'));
  const bob = await logIn(portcullis, BOB, [AUDIENCE]);
  await show('Bob, who lacks the role', backend.as(bob.token).get('/orders'));
  const [header, , signature] = forBackend.token.split('.');
  const forgedClaims = encoded({ ...claimsOf(forBackend.token), permissions: ['everything'] });
  await show('Alice, who made more of it', backend.as(`${header}.${forgedClaims}.${signature}`).get('/orders'));

  // Another key signs from now on. The backend has never heard of it, and asks.
  await rotateKey();
  const afterwards = await logIn(portcullis, ALICE, [AUDIENCE]);
  await show('Alice, after a key rotation', backend.as(afterwards.token).get('/orders'));
  await show('Alice, with the token before', backend.as(forBackend.token).get('/orders'));

  // Forged tokens with invented key ids: the rate limit keeps them from becoming a flood at Portcullis.
  const asked = await jwksRequests();
  const answers = [];
  for (let n = 0; n < 50; n++) {
    const forged = `${encoded({ alg: 'RS256', typ: 'at+jwt', kid: `invented-${n}` })}.${forgedClaims}.${signature}`;
    answers.push((await backend.as(forged).get('/orders')).status);
  }
  const accepted = answers.filter((status) => status < 400).length;
  console.log(`${accepted} of 50 forged tokens accepted; ${(await jwksRequests()) - asked} questions for keys`);
  await show('Alice, in the meantime', backend.as(afterwards.token).get('/orders'));

  // What a JWKS alone cannot do. Portcullis knows at once; this backend learns of it when the token expires.
  await must(admin.post(`/v1/users/${alice.id}/disable`));
  await show('Alice, disabled, at Portcullis', portcullis.as(forPortcullis.token).get('/v1/auth/me'));
  await show('Alice, disabled, here', backend.as(afterwards.token).get('/orders'));
  console.log(
    '@portcullis/verifier in place of express-jwt refuses her here as well: see packages/verifier/README.md.',
  );
} finally {
  server.close();
  server.closeAllConnections();
  await stop();
}

async function show(who, request) {
  const { status, body } = await request;
  console.log(`${who.padEnd(32)}${status} ${body.message ?? body.reason ?? body.why ?? body.orders.join(', ')}`);
}

/** Makes a new signing key, and waits until it signs: one cache lifetime later, when everybody can know it. */
async function rotateKey() {
  const { kid } = await must(admin.post('/v1/keys/rotate'));
  while ((await must(admin.get(`/v1/keys/${kid}`))).state !== 'active') {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** How often Portcullis was asked for its keys so far. */
async function jwksRequests() {
  const counts = [
    ...(await must(portcullis.get('/metrics'))).matchAll(/^http_request.*_count\{.*jwks\.json.*\} (\d+)$/gm),
  ];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

function encoded(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
