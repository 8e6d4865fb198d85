import type { Logger } from 'pino';
import type { Env } from '../../config/env.js';
import { prepareDatabase, type Service } from '../service.js';
import type { FirstAdminCredentials } from '../users/first-admin.js';
import { WorkerCrew } from './crew.js';
import { findPort } from './port.js';
import { shareOf } from './shares.js';

/** Milliseconds that a worker gets to close everything, after its requests in flight have had their time. */
const CLOSING_TIME = 5_000;

export interface Announcements {
  /** Tells the operator who the first admin is; called on an empty database only. */
  firstAdmin: (admin: FirstAdminCredentials) => void;
  /** Called when workers end again and again and none works. The service is still to be stopped. */
  giveUp: (error: Error) => void;
}

/**
 * The service as several processes behind one port. This one prepares the database and serves nothing; the workers do, each with a validity
 * window of its own, and with its share of the connections and hashes that the configuration allows to the service as a whole.
 *
 * @throws Error with a message for the operator
 */
export async function startWorkers(env: Env, logger: Logger, { firstAdmin, giveUp }: Announcements): Promise<Service> {
  const postgres = await prepareDatabase(env, logger, firstAdmin);
  try {
    const port = await findPort(env);
    const environment = (worker: number): Record<string, string> => ({
      ...environmentOf(env, worker),
      PORT: String(port),
      DATABASE_URL: postgres.connection.url,
    });
    const crew = new WorkerCrew({ workers: env.workers, environment, logger, giveUp });
    const stop = async (): Promise<void> => {
      await crew.stop(env.shutdownTimeoutMs + CLOSING_TIME);
      await postgres.stop();
    };
    try {
      return { url: await crew.start(), stop };
    } catch (error) {
      await crew.stop(CLOSING_TIME);
      throw error;
    }
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

function environmentOf(env: Env, worker: number): Record<string, string> {
  const share = (total: number): number => shareOf(total, env.workers, worker);
  return {
    PORTCULLIS_WORKERS: '1',
    // Nobody needs it any more.
    PORTCULLIS_ADMIN_PASSWORD: '',
    PORTCULLIS_DATABASE_POOL_SIZE: String(share(env.databasePoolSize)),
    PORTCULLIS_HASH_CONCURRENCY: String(Math.max(1, share(env.hashConcurrency))),
    PORTCULLIS_HASH_QUEUE: String(share(env.hashQueue)),
  };
}
