import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Env } from '../../config/env.js';
import { cannotListen } from '../service.js';

/**
 * The port that workers are to share, which is free at this moment: a chosen one where any will do.
 *
 * @throws Error with a message for the operator
 */
export async function findPort(env: Pick<Env, 'host' | 'port'>): Promise<number> {
  const server = createServer();
  try {
    server.listen({ port: env.port, host: env.host });
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen(env, error);
  }
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
