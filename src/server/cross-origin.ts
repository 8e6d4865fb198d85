import type { INestApplication } from '@nestjs/common';

/** Where gateways ask. Any address that looks like it, since to leave out too many costs nothing. */
const CHECK = /\/v1\/auth\/check/i;

/**
 * Pages of the origins named, and of no other, may call the API with a token of their own. Cookies play no part. What a gateway asks about is the business
 * of the service behind it: a preflight that was answered here would pass for leave, without a token.
 */
export function allowOrigins(app: INestApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const named = {
    origin: [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', 'X-Request-Id'],
    exposedHeaders: ['ETag', 'X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'WWW-Authenticate'],
    maxAge: 600,
    strictPreflight: false,
  };
  app.enableCors(({ url }: { url: string }, callback: (error: null, options: object) => void) => {
    callback(null, CHECK.test(decoded(url)) ? { origin: false } : named);
  });
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}
