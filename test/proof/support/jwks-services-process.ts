import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { expressjwt } from 'express-jwt';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import jwksRsa from 'jwks-rsa';

// Other people's services, which know an issuer's public keys and nothing more; in a process of their own, since Jest cannot load jwks-rsa.
// Arguments: the issuer, and where to read its JWKS. Each path is a service with a cache of its own; `/reads` says how often each of them has read
// the JWKS. It prints its port, and stops when its standard input ends.

/** jwks-rsa itself would allow ten per minute, which is enough for keys that last for months. Here they last for seconds. */
const JWKS_REQUESTS_PER_MINUTE = 600;

const [issuer = '', jwksUri = ''] = process.argv.slice(2);
const algorithms = ['RS256' as const];
const reads: Record<string, number> = {};
const app = express();

async function read(path: string): Promise<{ jwks: JSONWebKeySet; maxAgeSeconds: number }> {
  reads[path] = (reads[path] ?? 0) + 1;
  const response = await fetch(jwksUri);
  const maxAge = /max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1];
  return { jwks: (await response.json()) as JSONWebKeySet, maxAgeSeconds: Number(maxAge) };
}

function serve(path: string, guard: RequestHandler): void {
  app.get(path, guard, (_request, response) => {
    response.json({});
  });
}

/** The verification of one token as a guard. */
const guardOf =
  (verify: (token: string) => Promise<unknown>): RequestHandler =>
  async ({ headers }, _response, next) => {
    await verify(headers.authorization?.slice('Bearer '.length) ?? '');
    next();
  };

// The protected backend of the tutorials: it keeps keys for ten minutes, and asks again for a kid that it does not know.
serve(
  '/express-jwt',
  expressjwt({
    secret: jwksRsa.expressJwtSecret({
      cache: true,
      rateLimit: true,
      jwksRequestsPerMinute: JWKS_REQUESTS_PER_MINUTE,
      jwksUri,
      fetcher: async () => (await read('/express-jwt')).jwks,
    }) as Parameters<typeof expressjwt>[0]['secret'],
    ...{ issuer, audience: issuer, algorithms },
  }),
);

// jsonwebtoken, with keys from jwks-rsa as it is by default.
const client = jwksRsa({ jwksUri, fetcher: async () => (await read('/jsonwebtoken')).jwks });
serve(
  '/jsonwebtoken',
  guardOf(async (token) => {
    const key = await client.getSigningKey(jsonwebtoken.decode(token, { complete: true })?.header.kid);
    jsonwebtoken.verify(token, key.getPublicKey(), { issuer, audience: issuer, algorithms });
  }),
);

// One that never asks because of an unknown kid. It reads the JWKS when what it has is older than Cache-Control allows, counted from when it was
// asked for (RFC 9111 section 4.2.3), and believes it until then: it knows in time only what is published in time.
let cached: Promise<{ jwks: JSONWebKeySet; until: number }> | undefined;
serve(
  '/max-age',
  guardOf(async (token) => {
    if (!cached || (await cached).until <= performance.now()) {
      const askedAt = performance.now();
      cached = read('/max-age').then(({ jwks, maxAgeSeconds }) => ({ jwks, until: askedAt + maxAgeSeconds * 1000 }));
    }
    const { jwks } = await cached;
    await jwtVerify(token, createLocalJWKSet(jwks), { issuer, audience: issuer, algorithms: [...algorithms] });
  }),
);

app.get('/reads', (_request, response) => {
  response.json(reads);
});

const refuse: ErrorRequestHandler = (error: Error, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(401).send(`${error.name}: ${error.message}`);
};
app.use(refuse);

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().once('close', () => process.exit(0));
