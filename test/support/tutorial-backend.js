// The protected backend of the tutorials, twice, in a process of its own: jwks-rsa loads jose in a way that Jest does not allow.
// node tutorial-backend.js <issuer> <audience> prints its address, and ends with its standard input.

import express from 'express';
import { expressjwt } from 'express-jwt';
import { expressJwtSecret, passportJwtSecret } from 'jwks-rsa';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';

const [, , issuer, audience] = process.argv;
const keys = { cache: true, rateLimit: true, jwksRequestsPerMinute: 5, jwksUri: `${issuer}/.well-known/jwks.json` };
const accepted = { audience, issuer, algorithms: ['RS256'] };

const strategy = new Strategy(
  {
    jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
    secretOrKeyProvider: passportJwtSecret(keys),
    ...accepted,
  },
  (payload, done) => done(null, payload),
);

const app = express();
app.get('/', (request, response) => response.send('Welcome'));
app.get('/express-jwt', expressjwt({ secret: expressJwtSecret(keys), ...accepted }), (request, response) =>
  response.json(request.auth),
);
app.get('/passport-jwt', passport.use(strategy).authenticate('jwt', { session: false }), (request, response) =>
  response.json(request.user),
);
// Express knows it for a handler of errors by its four parameters.
app.use((error, request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(error.status ?? 500).json({ name: error.name, code: error.code });
});

const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on('close', () => process.exit()).resume();
