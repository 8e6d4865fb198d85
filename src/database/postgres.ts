import { type PostgresConnection } from './connection.js';
import { connectExternal } from './external.js';
import { startEmbeddedPostgres } from './embedded/supervisor.js';

export interface PostgresOptions {
  /** An external Postgres, 15 or newer. Absent: the embedded one. */
  readonly databaseUrl?: string;
  /** Where the embedded Postgres keeps its data. */
  readonly dataDir: string;
}

export interface OpenPostgres {
  readonly connection: PostgresConnection;
  readonly embedded: boolean;
  /** Ends what was started here: the embedded server if this process owns it, nothing for an external one. Close pools first. */
  stop(): Promise<void>;
}

/**
 * Makes a usable Postgres available: checks the external one, or starts (or joins) the embedded one.
 *
 * @throws Error with a message for the operator, free of passwords, when there is none to be had.
 */
export async function openPostgres(options: PostgresOptions, log: (message: string) => void): Promise<OpenPostgres> {
  if (options.databaseUrl !== undefined) {
    const connection = await connectExternal(options.databaseUrl, log);
    return { connection, embedded: false, stop: () => Promise.resolve() };
  }
  const server = await startEmbeddedPostgres({ dataDir: options.dataDir, log });
  return { connection: server.connection, embedded: true, stop: () => server.stop() };
}
