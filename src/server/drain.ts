import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Milliseconds between looks for connections that have become idle. */
const SWEEP = 20;

/**
 * Stops accepting connections, lets requests in flight end, then closes the application. Nest alone would close its rooms first and the
 * server last.
 *
 * @param timeoutMs when requests that are still unanswered are cut off
 */
export async function drain(app: NestFastifyApplication, timeoutMs: number): Promise<void> {
  const server = app.getHttpServer();
  // A connection whose last answer was sent before the closing began stays open for the next request: it must be found and closed.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, SWEEP);
  const limit = setTimeout(() => {
    server.closeAllConnections();
  }, timeoutMs);
  try {
    await app.getHttpAdapter().getInstance().close();
  } finally {
    clearInterval(sweep);
    clearTimeout(limit);
  }
  await app.close();
}
