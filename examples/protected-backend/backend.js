import express from 'express';
import { UnauthorizedError, expressjwt } from 'express-jwt';
import jwksRsa from 'jwks-rsa';

/**
 * An API that serves whoever brings a token of this issuer for this audience.
 *
 * @param {{ issuer: string, audience: string }} expected
 */
export function createBackend({ issuer, audience }) {
  const findKey = jwksRsa.expressJwtSecret({
    jwksUri: `${issuer}/.well-known/jwks.json`,
    // Keys that are known are not asked for again. A new one is, and so a rotation is noticed at once.
    cache: true,
    // Anyone can invent key ids: of those that are not known, so many a minute are asked for.
    rateLimit: true,
    jwksRequestsPerMinute: 10,
  });

  // Checks signature, issuer, audience and lifetime; what the token says is then `request.auth`.
  const authenticate = expressjwt({
    issuer,
    audience,
    // The algorithm of this audience and no other, whatever a token says (RFC 8725 section 3.1).
    algorithms: ['RS256'],
    secret(request, token) {
      // A token of another kind is no access token, however well it is signed (RFC 9068 section 4).
      if (token?.header.typ !== 'at+jwt') throw new UnauthorizedError('invalid_token', { message: 'no access token' });
      return findKey(request, token);
    },
  });

  const app = express();
  app.get('/', (request, response) => response.json({ message: 'Everybody may read this.' }));
  app.get('/orders', authenticate, requires('orders:read'), (request, response) => {
    response.json({ orders: ['a lantern', 'two otters'], readBy: request.auth.sub });
  });
  app.use(answerErrors);
  return app;
}

function requires(permission) {
  return ({ auth }, response, next) => {
    if (auth.permissions.includes(permission)) next();
    else refuse(response, 403, 'insufficient_scope', `needs ${permission}`);
  };
}

/** Express knows this kind of handler by its four parameters. */
function answerErrors(error, request, response, next) {
  if (error instanceof UnauthorizedError) refuse(response, 401, 'invalid_token', error.message);
  // Nothing is wrong with the token: its key cannot be asked for at the moment.
  else if (error.name.startsWith('Jwks')) response.status(503).json({ error: 'keys_unavailable', why: error.message });
  else next(error);
}

/** RFC 6750 section 3. */
function refuse(response, status, error, why) {
  response.status(status).set('www-authenticate', `Bearer error="${error}"`).json({ error, why });
}
