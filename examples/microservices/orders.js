import { createVerifier } from '@portcullis/verifier';
import { bearerAuth } from '@portcullis/verifier/express';
import express from 'express';
import { settings } from './settings.js';

const { verifier: options, billing } = settings();
const verifier = createVerifier(options);
await verifier.ready();

const requireAuth = bearerAuth(verifier);
const app = express();

app.get('/orders', requireAuth({ permissions: ['orders:read'] }), (request, response) => {
  response.json({ orders: ['two otters', 'a lantern'], for: request.auth.subject });
});

/** Asks billing in the name of whoever asks here: the token is for both services. */
app.get('/orders/invoices', requireAuth({ permissions: ['orders:read'] }), async (request, response) => {
  const { authorization } = request.headers;
  const answer = await fetch(`${billing}/invoices`, { headers: { authorization } });
  response.status(answer.status).json(await answer.json());
});

const server = app.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void verifier.close();
});
